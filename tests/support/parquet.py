"""Parquet files as Hugging Face's library writes them."""

import json

import pyarrow as pa
from pyarrow import parquet


def write_hub_table(path, columns, features=None, *, rows_a_group=4):
    """Write a table with the description of its features in the schema."""
    table = pa.table(columns)
    if features is not None:
        described = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        table = table.replace_schema_metadata(described)
    parquet.write_table(table, path, row_group_size=rows_a_group)
    return path


def contents(items, suffix=".jpg"):
    """Return a column of structs of bytes and path."""
    return [{"bytes": item, "path": f"{n}{suffix}"} for n, item in enumerate(items)]
