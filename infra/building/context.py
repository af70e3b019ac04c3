"""What the engine is sent to make an image, as tar archives that do not tell when, where or by whom."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from infra.images import OCI_ARCHITECTURES, Architecture, Image

_IN_MEMORY = 16 * 1024 * 1024


def context_archive(image: Image, packages: Path | None = None) -> IO[bytes]:
    """Return the build context of `image`, with the folder `packages` as `lib/`, ready to be read."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (the caller reads and closes it)
    with tarfile.open(fileobj=file, mode="w") as archive:
        for entry in sorted(image.files):
            _add(archive, entry.path, entry.mode, entry.content)
        if packages is not None:
            for path in sorted(path for path in packages.rglob("*") if path.is_file()):
                mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                _add(archive, f"lib/{path.relative_to(packages).as_posix()}", mode, path.read_bytes())
    file.seek(0)
    return file


def empty_image_archive(architecture: Architecture, reference: str) -> bytes:
    """Return an image without files, as `docker load` takes it, that says which architecture it is for.

    Layout: https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format
    """
    layer = io.BytesIO()
    tarfile.open(fileobj=layer, mode="w").close()
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {
        "architecture": OCI_ARCHITECTURES[architecture],
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "estaleiro"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        _add(archive, "layer.tar", 0o644, layer.getvalue())
        _add(archive, "config.json", 0o644, json.dumps(config).encode())
        _add(archive, "manifest.json", 0o644, json.dumps(manifest).encode())
    return packed.getvalue()


def _add(archive: tarfile.TarFile, path: str, mode: int, content: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.mode, entry.size = mode, len(content)
    archive.addfile(entry, io.BytesIO(content))
