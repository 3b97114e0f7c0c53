"""Every codec that is installed for a transfer syntax, on the same frame: the choice of the decoder rests on this."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from material import SIDE, Syntax
from measure import in_a_pool, milliseconds

from hounsfield.model.codestreams import Shape, decode

SHAPE = Shape(SIDE, SIDE, 16)
OURS = "ours"


@dataclass(frozen=True)
class Row:
    """One codec on one frame, ms per slice in each round."""

    syntax: str
    codec: str
    alone: list[float]
    pool_of_2: list[float]
    equal: bool


def compare(syntax: Syntax, frame: bytes, stored: np.ndarray, rounds: int) -> list[Row]:
    """Measure ours and the others."""
    decoders = {OURS: lambda f: decode(syntax.uid, f, SHAPE), **dict(_others(syntax))}
    calls = {name: (lambda one=one: one(frame)) for name, one in decoders.items()}
    alone, pooled = milliseconds(calls, rounds), in_a_pool(calls, max(3, rounds // 2))
    return [
        Row(syntax.name, name, alone[name], pooled[name], _equal(decoders[name](frame), stored)) for name in decoders
    ]


def _equal(found: object, stored: np.ndarray) -> bool:
    if isinstance(found, (bytes, bytearray)):
        found = np.frombuffer(found, "<u2").reshape(stored.shape)
    return bool(np.array_equal(np.asarray(found).view(np.uint16), stored))


def _others(syntax: Syntax) -> Iterator[tuple[str, Callable[[bytes], object]]]:
    """Those that are installed; most come with the extra `dev`."""
    for name, make in _KNOWN.get(syntax.name, {}).items():
        try:
            yield name, make()
        except ImportError:
            continue


def _pyjpegls() -> Callable[[bytes], object]:
    from jpeg_ls import decode_pixel_data

    return lambda frame: decode_pixel_data(frame)[0]


def _openjpeg() -> Callable[[bytes], object]:
    from openjpeg.utils import decode_pixel_data

    return lambda frame: decode_pixel_data(frame, version=2)


def _pylibjpeg_rle() -> Callable[[bytes], object]:
    from rle.rle import decode_segment

    def planes(frame: bytes) -> bytes:
        first, second = struct.unpack_from("<2I", frame, 4)
        both = np.empty((SIDE * SIDE, 2), np.uint8)
        both[:, 1] = np.frombuffer(decode_segment(frame[first:second]), np.uint8, SIDE * SIDE)
        both[:, 0] = np.frombuffer(decode_segment(frame[second:]), np.uint8, SIDE * SIDE)
        return both.tobytes()

    return planes


def _sof3() -> Callable[[bytes], object]:
    import imagecodecs

    return imagecodecs.jpegsof3_decode


def _openjpeg_of_imagecodecs() -> Callable[[bytes], object]:
    import imagecodecs

    return imagecodecs.jpeg2k_decode


def _gdcm(uid: str) -> Callable[[], Callable[[bytes], object]]:
    def make() -> Callable[[bytes], object]:
        import gdcm

        return lambda frame: _decode_gdcm(gdcm, frame, uid)

    return make


def _decode_gdcm(gdcm: object, frame: bytes, uid: str) -> bytes:
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((SIDE, SIDE, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid)))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 16, 15, 0))
    return image.GetBuffer().encode("utf-8", "surrogateescape")


_KNOWN: dict[str, dict[str, Callable[[], Callable[[bytes], object]]]] = {
    "RLE": {"pylibjpeg-rle": _pylibjpeg_rle},
    "JPEG lossless": {"gdcm": _gdcm("1.2.840.10008.1.2.4.70"), "imagecodecs jpegsof3": _sof3},
    "JPEG-LS": {"pyjpegls": _pyjpegls, "gdcm": _gdcm("1.2.840.10008.1.2.4.80")},
    "JPEG 2000": {"pylibjpeg-openjpeg": _openjpeg, "gdcm": _gdcm("1.2.840.10008.1.2.4.90")},
    "HTJ2K": {"pylibjpeg-openjpeg": _openjpeg, "imagecodecs jpeg2k": _openjpeg_of_imagecodecs},
}
