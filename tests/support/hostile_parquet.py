"""Parquet files as one who means ill would write them: Thrift's compact protocol by hand, and any number in it."""

BOOLEAN, INT64, BYTES = 0, 2, 6
REQUIRED, OPTIONAL, REPEATED = 0, 1, 2


def _varint(value):
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def whole(value):
    """A whole number; ``fields`` has its type beside it."""
    return 5, _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def long(value):
    """One of 64 bits."""
    return 6, whole(value)[1]


def text(value):
    """Bytes."""
    return 8, _varint(len(value)) + value


def listed(*values):
    """A list of values of one type."""
    kind = values[0][0] if values else 12
    return 9, b"".join([bytes([0xF0 | kind]), _varint(len(values)), *(value for _, value in values)])


def fields(**numbered):
    """A structure: ``_1=whole(3)`` is its first field."""
    found, before = [], 0
    for name, (kind, value) in numbered.items():
        number = int(name[1:])
        found.append(bytes([(number - before) << 4 | kind]) + value)
        before = number
    return 12, b"".join([*found, b"\0"])


def page(values, nbytes, data, encoding=0):
    """A data page with its header, which may say anything of how many values it has and how large it becomes."""
    about = fields(_1=whole(values), _2=whole(encoding), _3=whole(3), _4=whole(3))
    return fields(_1=whole(0), _2=whole(nbytes), _3=whole(len(data)), _5=about)[1] + data


def column(name, kind, values, start, size, codec=0):
    """What a footer says of a column of one row group."""
    about = fields(
        _1=whole(kind), _2=listed(whole(0)), _3=listed(*(text(part) for part in name)), _4=whole(codec), _5=long(values),
        _6=long(size), _7=long(size), _9=long(start),
    )  # fmt: skip
    return fields(_2=long(start), _3=about)


def file(path, schema, *, rows=0, groups=(), metadata=None, data=b""):
    """A whole file: the elements of its schema, row groups of columns, metadata, and what stands before the footer."""
    said = {
        "_1": whole(1),
        "_2": listed(*schema),
        "_3": long(rows),
        "_4": listed(*(fields(_1=listed(*columns), _2=long(10), _3=long(count)) for columns, count in groups)),
    }
    if metadata is not None:
        said["_5"] = listed(*(fields(_1=text(name), _2=text(value)) for name, value in metadata.items()))
    footer = fields(**said)[1]
    path.write_bytes(b"PAR1" + data + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    return path


def group(name, children):
    """An element of a schema that has others below it."""
    return fields(_3=whole(REQUIRED), _4=text(name), _5=whole(children))


def leaf(name, kind=INT64):
    """One that has values."""
    return fields(_1=whole(kind), _3=whole(REQUIRED), _4=text(name))
