"""Archives that depend on nothing but their contents: sorted, of one date, of nobody's."""

import gzip
import io
import stat
import tarfile
import time
import zipfile
from pathlib import Path


def mode(path):
    """Programs and libraries are executable, whatever the umask was."""
    return 0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644


def entries(folder):
    """What is below a folder, sorted by name as it stands in the archive."""
    return sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix())


def tar_gz(folder, archive, epoch):
    """Packs what is in a folder."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in entries(folder):
            entry = tar.gettarinfo(path, path.relative_to(folder).as_posix())
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = epoch, 0, 0, "", ""
            entry.mode = 0o777 if entry.issym() else mode(path)
            with path.open("rb") if entry.isreg() else io.BytesIO() as stream:
                tar.addfile(entry, stream)
    # No file name and no date in gzip's own header.
    archive.write_bytes(gzip.compress(content.getvalue(), 9, mtime=0))


def zip_file(folder, archive, epoch, first=()):
    """Packs the files in a folder; those named come first."""
    paths = [path for path in entries(folder) if path.is_file()]
    paths.sort(key=lambda path: path.relative_to(folder).as_posix() not in first)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in paths:
            name = path.relative_to(folder).as_posix()
            entry = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | mode(path)) << 16
            packed.writestr(entry, Path(path).read_bytes(), compresslevel=9)
