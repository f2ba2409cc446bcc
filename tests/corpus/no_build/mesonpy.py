"""Stands in for the build backend `meson-python` while source distributions are fetched.

`pip download` asks a source distribution's backend for its metadata, and this backend would compile
the whole project to answer. Only the source text is wanted here, so the answer is the least that
pip accepts.
"""

from __future__ import annotations

from pathlib import Path


def get_requires_for_build_wheel(config_settings: dict | None = None) -> list[str]:
    """Nothing is needed, as nothing is built."""
    return []


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: dict | None = None
) -> str:
    """Write name and version, taken from the distribution's own PKG-INFO."""
    fields = {}
    for line in Path("PKG-INFO").read_text(errors="replace").splitlines():
        if not line.strip():
            break
        key, _, value = line.partition(": ")
        fields.setdefault(key, value)
    name = f"{fields['Name'].replace('-', '_')}-{fields['Version']}.dist-info"
    directory = Path(metadata_directory, name)
    directory.mkdir()
    (directory / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {fields['Name']}\nVersion: {fields['Version']}\n"
    )
    return name
