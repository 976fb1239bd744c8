"""The last step of a build: python -m streamline.finish FILE RETIRE_MB

Takes what only debuggers read out of the component, 2 % of it; and makes an instance whose memory has grown beyond RETIRE_MB retire.

componentize-py 0.25 never frees the bytes of keys, values and header values that a transform answered. Without the latter an instance
would grow until an allocation fails, in the midst of a record. So when the host has read an answer and says so (the component's
post-return), an instance that is too large traps: by the ABI the answer then stands, and the next record gets a fresh instance.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

POST_RETURN = b"cabi_post_streamline:transform/transform@0.1.0#transform"

_LAYER_CORE = b"\x01\x00\x00\x00"
_CUSTOM, _CORE_MODULE, _COMPONENT = 0, 1, 4
_IMPORT, _EXPORT, _CODE = 2, 7, 10
_FUNCTION, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)
_DROPPED = {b"name", b"component-name", b"producers"}
_PAGES_PER_MB = 16


def finished(binary: bytes, retire_mb: int) -> bytes:
    """The component, shorter and retiring. Raises ValueError where it is no component of componentize-py."""
    told, count = _finish(binary, retire_mb)
    if count != 1:
        raise ValueError(f"{count} core modules export {POST_RETURN.decode()}, not one")
    return told


def _finish(binary: bytes, retire_mb: int) -> tuple[bytes, int]:
    if binary[:4] != b"\0asm" or len(binary) < 8:
        raise ValueError("no WebAssembly")
    is_core = binary[4:8] == _LAYER_CORE
    sections = list(_sections(binary))
    function = _post_return(sections) if is_core else None
    count = 0 if function is None else 1
    kept = [binary[:8]]
    for kind, body in sections:
        if kind == _CUSTOM and _name(body, 0)[0] in _DROPPED:
            continue
        if not is_core and kind in (_CORE_MODULE, _COMPONENT):
            body, inner = _finish(body, retire_mb)
            count += inner
        elif is_core and kind == _CODE and function is not None:
            body = _retiring(body, function, retire_mb)
        kept.append(bytes([kind]) + _leb(len(body)) + body)
    return b"".join(kept), count


def _sections(binary: bytes) -> Iterator[tuple[int, bytes]]:
    at = 8
    while at < len(binary):
        length, start = _number(binary, at + 1)
        if start + length > len(binary):
            raise ValueError("cut off")
        yield binary[at], binary[start : start + length]
        at = start + length


def _post_return(sections: list[tuple[int, bytes]]) -> int | None:
    """Index of the post-return among the functions that the module has code for."""
    imported = sum(_imported_functions(body) for kind, body in sections if kind == _IMPORT)
    for kind, body in sections:
        if kind != _EXPORT:
            continue
        count, at = _number(body, 0)
        for _ in range(count):
            name, at = _name(body, at)
            sort = body[at]
            index, at = _number(body, at + 1)
            if name == POST_RETURN and sort == _FUNCTION and index >= imported:
                return index - imported
    return None


def _imported_functions(body: bytes) -> int:
    functions = 0
    count, at = _number(body, 0)
    for _ in range(count):
        _, at = _name(body, at)
        _, at = _name(body, at)
        sort = body[at]
        at += 1
        if sort == _FUNCTION:
            functions += 1
            _, at = _number(body, at)
        elif sort == _GLOBAL:
            at += 2
        elif sort in (_TABLE, _MEMORY):
            at += 1 if sort == _TABLE else 0
            flags = body[at]
            _, at = _number(body, at + 1)
            if flags & 1:
                _, at = _number(body, at)
        else:
            raise ValueError(f"an import of sort {sort}")
    return functions


def _retiring(code: bytes, function: int, retire_mb: int) -> bytes:
    """The code section, with `if (memory.size > …) unreachable` at the end of that function."""
    # memory.size, i32.const, i32.gt_u, if, unreachable, end; and the end of the function that was there
    check = b"\x3f\x00\x41" + _signed_leb(retire_mb * _PAGES_PER_MB) + b"\x4b\x04\x40\x00\x0b\x0b"
    count, at = _number(code, 0)
    kept = [_leb(count)]
    for index in range(count):
        length, start = _number(code, at)
        body = code[start : start + length]
        at = start + length
        if index == function:
            body = body[:-1] + check
        kept.append(_leb(len(body)) + body)
    return b"".join(kept)


def _name(binary: bytes, at: int) -> tuple[bytes, int]:
    length, start = _number(binary, at)
    return binary[start : start + length], start + length


def _number(binary: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(binary) or shift > 28:
            raise ValueError("cut off")
        byte = binary[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _leb(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _signed_leb(value: int) -> bytes:
    """Of a number that is not negative: its last byte must not look as if it were."""
    out = bytearray()
    while value > 0x3F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def main(file: str, retire_mb: str) -> None:
    path = Path(file)
    path.write_bytes(finished(path.read_bytes(), int(retire_mb)))


if __name__ == "__main__":
    main(*sys.argv[1:])
