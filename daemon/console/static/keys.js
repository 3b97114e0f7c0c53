// Keys: / searches, j and k move between the rows (links of class "row"), g and a number opens a page, ? shows all.
"use strict";
(function () {
  const keys = document.getElementById("keys");
  let isGoing = false;

  function isTyping(element) {
    return element.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(element.tagName);
  }

  function move(step) {
    const rows = Array.from(document.querySelectorAll("main a.row"));
    if (rows.length === 0) return;
    const now = rows.indexOf(document.activeElement);
    const next = now < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(now + step, 0), rows.length - 1);
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  }

  function go(number) {
    const link = document.querySelectorAll("header nav a")[number - 1];
    if (link) link.click();
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (isGoing && /^[1-9]$/.test(event.key)) go(Number(event.key));
    isGoing = event.key === "g";
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "?") keys.showModal();
    else if (event.key === "/") {
      const search = document.querySelector('input[type="search"]');
      if (search === null) return;
      event.preventDefault();
      search.focus();
      search.select();
    }
  });
})();
