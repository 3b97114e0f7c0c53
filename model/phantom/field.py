"""Smooth random fields, implicit shapes and small filters on volumes (z, y, x)."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
Region = NDArray[np.bool_]
Point = tuple[Volume, Volume, Volume]
"""Coordinate arrays x, y, z in mm, broadcastable against each other."""
Triple = Sequence[float] | NDArray[np.floating]


def smooth_field(rng: np.random.Generator, axes: Sequence[Volume], lengths: Sequence[float]) -> Volume:
    """Return Gaussian noise of variance one on the grid of ``axes`` (mm), with one correlation length (mm) per axis.

    Random knots, weighted axis by axis: much cheaper than filtering white noise of full size.
    """
    weights = []
    for axis, length in zip(axes, lengths, strict=True):
        knots = np.arange(axis.min() - 2 * length, axis.max() + 2 * length + 0.1, length)
        weight = np.exp(-0.5 * ((axis[:, None] - knots) / (0.7 * length)) ** 2)
        weights.append((weight / np.sqrt((weight**2).sum(axis=1, keepdims=True))).astype(np.float32))
    knots_field = rng.standard_normal([weight.shape[1] for weight in weights], dtype=np.float32)
    along_z = np.tensordot(weights[0], knots_field, (1, 0))
    rows = np.matmul(weights[1], along_z)
    flat = rows.reshape(-1, rows.shape[2]) @ weights[2].T  # one large product is faster than one per slice
    return np.asarray(flat.reshape(*rows.shape[:2], -1), np.float32)


def ellipsoid(point: Point, centre: Triple, radii: Triple) -> Volume:
    """Return the squared relative radius: below 1 inside."""
    total: Volume | None = None
    for q, c, r in zip(point, centre, radii, strict=True):
        part = q - np.float32(c)  # in place from here on: half of the time was memory
        part *= np.float32(1 / r)
        part *= part
        total = part if total is None else np.add(total, part, out=total)
    return np.asarray(total, np.float32)


def tube(point: Point, start: Triple, end: Triple, first_radius: float, last_radius: float) -> Region:
    """Return True inside a rounded cone from ``start`` to ``end``."""
    out = np.zeros(point[2].shape, np.bool_)
    near = _box(point, start, end, max(first_radius, last_radius))
    if near is None:
        return out
    axis = [float(e - s) for s, e in zip(start, end, strict=True)]
    square = sum(a * a for a in axis)
    offsets = [q[near] - np.float32(s) for q, s in zip(point, start, strict=True)]
    along = np.clip(sum(q * np.float32(a / square) for q, a in zip(offsets, axis, strict=True)), 0, 1)
    distance = sum((q - along * np.float32(a)) ** 2 for q, a in zip(offsets, axis, strict=True))
    out[near] = distance < (first_radius + (last_radius - first_radius) * along) ** 2
    return out


def _box(point: Point, start: Triple, end: Triple, margin: float) -> tuple[slice, ...] | None:
    """Return the slices of the volume that may hold points of the box around a tube; None if no voxel is there."""
    inside: Region | None = None
    for q, s, e in zip(point, start, end, strict=True):
        here = (q > min(s, e) - margin) & (q < max(s, e) + margin)
        inside = here if inside is None else np.logical_and(inside, here, out=inside)
    if inside is None or not inside.any():
        return None
    spans = []
    for axis in range(3):
        hit = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(spans)


def soft_step(value: Volume, width: float) -> Volume:
    """Return a logistic step from 0 to 1 around zero."""
    return np.asarray(1 / (1 + np.exp(np.clip(-value / np.float32(width), -30, 30))), np.float32)


def gaussian(volume: Volume, sigma_slices: float, sigma_pixels: float) -> Volume:
    """Return the volume blurred across and within the slices; sigmas in voxels."""
    out = np.empty_like(volume)
    for index, plane in enumerate(volume):
        out[index] = cv2.GaussianBlur(plane, (0, 0), sigma_pixels) if sigma_pixels > 0 else plane
    return _across_slices(out, sigma_slices)


def _across_slices(volume: Volume, sigma: float) -> Volume:
    reach = max(1, round(3 * sigma))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / max(sigma, 1e-3)) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    last = len(volume) - 1
    out = np.zeros_like(volume)
    for index in range(len(volume)):
        for offset, weight in zip(offsets, kernel, strict=True):
            if weight > 1e-4:
                out[index] += weight * volume[min(max(index + int(offset), 0), last)]
    return out


def box_in_plane(volume: Volume, pixels: int) -> Volume:
    """Return each slice averaged over squares of ``pixels``."""
    return np.stack([np.asarray(cv2.blur(plane, (pixels, pixels)), np.float32) for plane in volume])


def grow_in_plane(region: Region, pixels: int) -> Region:
    """Return the region grown by ``pixels`` in each slice, as squares grow."""
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return np.stack([np.asarray(cv2.dilate(plane.astype(np.uint8), kernel)) > 0 for plane in region])
