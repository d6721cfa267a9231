"""Read the tensors of a TensorFlow checkpoint (the V2 "tensor bundle") without TensorFlow.

A checkpoint is an index (a LevelDB table, uncompressed, from tensor name to a small protobuf message) and data files of
raw little-endian values. Format: tensorflow/core/protobuf/tensor_bundle.proto and leveldb/doc/table_format.md.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_BLOCK_TRAILER_BYTES = 5  # compression type (1), CRC (4)
_DTYPES: dict[int, np.dtype] = {1: np.dtype("<f4"), 3: np.dtype("<i4"), 9: np.dtype("<i8")}


def read_checkpoint(prefix: Path) -> dict[str, np.ndarray]:
    """Every tensor of the checkpoint, by its TensorFlow variable name.

    Args:
        prefix: The name that the checkpoint was saved under: `{prefix}.index` and `{prefix}.data-00000-of-00001` exist;
            or a folder containing the bare `.index` and `.data-00000-of-00001`, like musicnn's.

    Raises:
        ValueError: The index is not a TensorFlow checkpoint index, or uses an unsupported type, shard or compression.
        FileNotFoundError: A file of the checkpoint is missing.
    """
    stem = f"{prefix}/" if prefix.is_dir() else str(prefix)
    index, data = Path(f"{stem}.index"), Path(f"{stem}.data-00000-of-00001")
    entries = {key: value for key, value in _table_entries(index) if key}  # the empty key is the bundle's header
    values = data.read_bytes()
    return {key.decode(): _tensor(key.decode(), value, values) for key, value in entries.items()}


def _table_entries(path: Path) -> Iterator[tuple[bytes, bytes]]:
    table = path.read_bytes()
    footer = table[-_FOOTER_BYTES:]
    if len(footer) < _FOOTER_BYTES or int.from_bytes(footer[-8:], "little") != _TABLE_MAGIC:
        raise ValueError(f"{path} is no TensorFlow checkpoint index (its last 8 bytes are not the table's mark)")
    position = 0
    for _ in range(2):  # offset and size of the metaindex block, which is empty
        _, position = _varint(footer, position)
    offset, position = _varint(footer, position)
    size, position = _varint(footer, position)
    for _, handle in _block_entries(path, table, offset, size):
        block_offset, after = _varint(handle, 0)
        block_size, _ = _varint(handle, after)
        yield from _block_entries(path, table, block_offset, block_size)


def _block_entries(path: Path, table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value pairs of one block; a key shares its first bytes with the previous key."""
    if table[offset + size] != 0:
        raise ValueError(f"{path} is compressed (type {table[offset + size]}): only uncompressed indices are read")
    block = table[offset : offset + size]
    restarts = int.from_bytes(block[-4:], "little")
    position, end, key = 0, size - 4 - 4 * restarts, b""
    while position < end:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length


def _tensor(name: str, entry: bytes, values: bytes) -> np.ndarray:
    """Decode a BundleEntryProto: 1 dtype, 2 shape, 3 shard, 4 offset, 5 size."""
    fields = dict(_message(entry))
    dtype, shard = fields.get(1, 0), fields.get(3, 0)
    if dtype not in _DTYPES or shard != 0:
        raise ValueError(
            f"tensor {name} has type {dtype} in shard {shard}: only float32, int32, int64 in shard 0 are read"
        )
    shape = [dict(_message(dimension)).get(1, 0) for field, dimension in _message(fields.get(2, b"")) if field == 2]
    offset = fields.get(4, 0)
    flat = np.frombuffer(values, _DTYPES[dtype], count=int(np.prod(shape)), offset=offset)
    return flat.reshape(shape)


def _message(data: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a protobuf message: numbers for varints, bytes for the rest."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield field, value
        else:
            length = {5: 4, 1: 8}.get(wire)
            if length is None:
                length, position = _varint(data, position)
            yield field, data[position : position + length]
            position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The base-128 number at `position`, and the position after it."""
    number = shift = 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position
