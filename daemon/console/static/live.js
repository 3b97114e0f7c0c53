// Follows the database: when the server says that something has changed, each marked region is fetched again.
"use strict";
(function () {
  const LATER = 3000;
  const sign = document.getElementById("live");
  let source = null;
  let focused = null;
  let opened = [];

  function regions() {
    return document.querySelectorAll('[hx-trigger*="sse:changed"]');
  }

  function show(isLive) {
    sign.hidden = isLive;
  }

  function listen() {
    if (source !== null || document.hidden || regions().length === 0) return;
    source = new EventSource("/live");
    source.addEventListener("changed", function () {
      show(true);
      // It must not bubble: a region within a region would ask twice.
      regions().forEach((region) => region.dispatchEvent(new CustomEvent("sse:changed")));
    });
    source.addEventListener("error", function () {
      show(false);
      if (source !== null && source.readyState === EventSource.CLOSED) {
        stop();
        setTimeout(listen, LATER);
      }
    });
  }

  function stop() {
    if (source !== null) source.close();
    source = null;
  }

  // A browser keeps few connections to one server: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : listen()));
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", listen);

  document.addEventListener("htmx:configRequest", function (event) {
    event.detail.headers["X-CSRF-Token"] = document.querySelector('meta[name="csrf"]').content;
  });
  document.addEventListener("htmx:responseError", () => show(false));
  document.addEventListener("htmx:sendError", () => show(false));

  function isBeingFilled(region) {
    return Array.from(region.querySelectorAll("input:not([type=hidden]), select, textarea")).some(
      (field) => field === document.activeElement || ("defaultValue" in field && field.value !== field.defaultValue)
    );
  }

  // What a person has focused or unfolded stays so, and nobody's half-written words are taken away.
  document.addEventListener("htmx:beforeSwap", function (event) {
    const region = event.detail.target;
    const cause = event.detail.requestConfig.triggeringEvent;
    if (cause && cause.type === "sse:changed" && isBeingFilled(region)) {
      event.detail.shouldSwap = false;
      return;
    }
    const link = document.activeElement;
    focused = link !== null && region.contains(link) ? link.getAttribute("href") : null;
    opened = Array.from(region.querySelectorAll("details[open][id]"), (part) => part.id);
  });
  document.addEventListener("htmx:afterSettle", function () {
    opened.forEach(function (id) {
      const part = document.getElementById(id);
      if (part !== null) part.open = true;
    });
    if (focused !== null) {
      const link = document.querySelector('main a[href="' + CSS.escape(focused) + '"]');
      if (link !== null) link.focus({ preventScroll: true });
    }
    focused = null;
    opened = [];
  });
})();
