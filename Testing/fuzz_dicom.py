"""Damage DICOM files in ways that happen and in ways that are made, and read them where that can do no harm.

`mutations(path, seed)` is one damaged file: the same for the same seed. `Survival` reads files in a process of its
own, which has a time limit and a memory limit, and says what went wrong: nothing, as long as reading ends with a
result or with a BadDataError that names the file.

    python Testing/fuzz_dicom.py SEED ...       reads single inputs of Testing/test_fuzz_dicom.py again, and says what comes out
"""

import gzip
import hashlib
import json
import random
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from SegQCLib.dicom.encoded_elements import Encoding, elements, items

# Rows, Columns, Number of Frames, Bits Allocated, Bits Stored, Samples per Pixel, Segment Number, Referenced Segment Number.
SIZES = {0x00280010, 0x00280011, 0x00280008, 0x00280100, 0x00280101, 0x00280002, 0x00620004, 0x0062000B}
MANY_ITEMS = 100_000
LONG_LENGTH = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
NUMBERS_AS_TEXT = (
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e308",
    b"-1e-308",
    b"99999999999",
    b"2147483648",
    b"1\\2\\3\\4\\5\\6\\7",
    b"",
    b"x",
)
VALUES = (
    *NUMBERS_AS_TEXT, b"1\\1", b"0\\0\\0\\0\\0\\0", b"nan\\nan\\nan",
    b"1e308\\0\\0", b"-0.5\\0.5", b"1.5,2.5", b"\0",
    b"\0\0", b"\xff\xff", b"../../../../tmp/x", b"a/b\\c:d", b"\x1b[31mred\x07\r\n", b"\xe4\xf6\xfc", b"ISO_IR 192",
    b"ISO 2022 IR 87", b"nonsense",
    b"\x1b$B;3ED", "山田".encode(), "\N{RIGHT-TO-LEFT OVERRIDE}".encode(), b"A" * 70_000, b"1\\" * 30_000,
    b"=cmd()", b"1.2..3", b"1" * 64,
)  # fmt: skip
EXTREMES = (
    ("<h", -1), ("<h", 32767), ("<i", -(2**31)), ("<i", 2**31 - 1), ("<i", 0), ("<f", float("nan")), ("<f", float("inf")),
    ("<f", 1e38), ("<f", -1.0), ("<f", 0.0), ("<8h", 7, *[32767] * 7), ("<8h", 3, 30000, 30000, 30000, 1, 1, 1, 1),
)  # fmt: skip
DEFLATED = b"1.2.840.10008.1.2.1.99"
SECONDS = 10
# What Python, numpy and ITK need beside the voxels: thread stacks, arenas of the allocator, temporary copies of headers.
BASE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Place:
    """An element in a file: where its header and its value begin and end, its tag and its VR."""

    begin: int
    first: int
    last: int
    tag: int
    vr: bytes | None


def mutations(path: Path, seed: int) -> bytes:
    """Return the file with one to three kinds of damage that the seed chooses."""
    chance = random.Random(seed)  # noqa: S311 - nothing is secret here
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 1, 2, 3))):
        if is_dicom(content):
            places, explicit = layout(bytes(content))
            chance.choice(KINDS)(content, places, explicit, chance)
        else:
            chance.choice(OTHER_KINDS)(content, chance)
        if len(content) > 64 * 2**20 or len(content) < 4:
            break
    return bytes(content)


def is_dicom(content: bytes) -> bool:
    return content[128:132] == b"DICM" or content[:4] in (b"\x08\0\x05\0", b"\x08\0\x08\0", b"\x02\0\0\0")


def layout(content: bytes) -> tuple[list[Place], bool]:
    """Return all elements that can be found, and whether they have VRs; none in a file that is damaged already."""
    found: list[Place] = []
    explicit = True
    try:
        begin, syntax = (132, b"") if content[128:132] == b"DICM" else (0, b"")
        for element in elements(content, begin, len(content), Encoding(False, "<")):
            if element.tag >> 16 != 2:
                break
            begin = element.last
            if element.tag == 0x00020010:
                syntax = content[element.first : element.last].rstrip(b"\0 ")
        if syntax == DEFLATED:
            return [], True
        explicit = syntax != b"1.2.840.10008.1.2"
        order = ">" if syntax == b"1.2.840.10008.1.2.2" else "<"
        collect(content, begin, len(content), Encoding(not explicit, order), found)
    except (ValueError, RecursionError, struct.error):
        pass
    return found, explicit


def collect(content, first, last, encoding, found):
    for element in elements(content, first, last, encoding):
        header = 8 if encoding.implicit_vr or element.vr not in LONG_LENGTH else 12
        found.append(Place(element.first - header, element.first, element.last, element.tag, element.vr))
        holds_items = content[element.first : element.first + 4] in (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
        if element.vr == b"SQ" or (element.vr is None and holds_items):
            for begin, end in items(content, element.first, element.last, encoding):
                collect(content, begin, end, encoding, found)


def flip_bytes(content, places, explicit, chance):
    pixels = next((place.begin for place in places if place.tag == 0x7FE00010), len(content))
    last = chance.choice((pixels, len(content))) or len(content)
    for _ in range(chance.choice((1, 2, 8, 64))):
        content[chance.randrange(last)] ^= 1 << chance.randrange(8)


def cut(content, places, explicit, chance):
    del content[chance.randrange(len(content)) :]


def change_length(content, places, explicit, chance):
    if not places:
        return
    place = chance.choice(places)
    length = place.last - place.first
    if explicit and place.vr not in LONG_LENGTH:
        new = chance.choice((0, 1, 0xFFFE, 0xFFFF, max(length - 1, 0), length + 2))
        content[place.first - 2 : place.first] = struct.pack("<H", min(new, 0xFFFF))
    else:
        new = chance.choice((0, 0x7FFFFFFE, 0xFFFFFFF0, 0xFFFFFFFF, max(length - 2, 0), length + 2, length + 2**20))
        content[place.first - 4 : place.first] = struct.pack("<I", new)


def change_vr(content, places, explicit, chance):
    if places and explicit:
        place = chance.choice(places)
        content[place.begin + 4 : place.begin + 6] = chance.choice(
            (b"UN", b"SQ", b"OW", b"UT", b"DS", b"US", b"FD", b"ZZ", b"\0\0")
        )


def repeat_element(content, places, explicit, chance):
    if places:
        place, other = chance.choice(places), chance.choice(places)
        content[other.begin : other.begin] = bytes(content[place.begin : place.last])


def remove_element(content, places, explicit, chance):
    if places:
        place = chance.choice(places)
        del content[place.begin : place.last]


def change_size(content, places, explicit, chance):
    sized = [place for place in places if place.tag in SIZES]
    for place in chance.sample(sized, min(len(sized), chance.choice((1, 2, 3)))):
        length = place.last - place.first
        if place.vr == b"IS" or length > 2:
            content[place.first : place.last] = chance.choice((b"9" * length, b"0".ljust(length), b"-1".ljust(length)[:length]))
        else:
            content[place.first : place.last] = struct.pack("<H", chance.choice((0, 1, 2, 7, 32, 4096, 32768, 65535)))


def change_number(content, places, explicit, chance):
    texts = [place for place in places if place.vr in (b"DS", b"IS") or (place.vr is None and place.last - place.first < 64)]
    if texts:
        place = chance.choice(texts)
        value = chance.choice(NUMBERS_AS_TEXT)
        content[place.first : place.last] = value.ljust(place.last - place.first)[: place.last - place.first]


def add_items(content, places, explicit, chance):
    """Put a hundred thousand items into a sequence: empty ones, or its own first one as often as fits into 32 MB."""
    sequences = [
        place for place in places if content[place.first : place.first + 4] == b"\xfe\xff\x00\xe0" and place.tag < 0x7FE00000
    ]
    if not sequences:
        return
    place = chance.choice(sequences)
    one = b"\xfe\xff\x00\xe0\0\0\0\0"
    if chance.random() < 0.5:
        try:
            begin, end = next(items(bytes(content), place.first, place.last, Encoding(not explicit, "<")))
            own = bytes(content[begin:end])
            one = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(own)) + own
        except (ValueError, StopIteration):
            pass
    many = one * min(MANY_ITEMS, 2**25 // len(one))
    content[place.first : place.last] = many
    content[place.first - 4 : place.first] = struct.pack("<I", len(many))


@cache
def nothing_deflated():
    """Return 2 GB of zeros, deflated: a megabyte, which may be repeated because it ends with a full flush."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return (deflater.compress(bytes(2**20)) + deflater.flush(zlib.Z_FULL_FLUSH)) * 2048


def deflate_bomb(content, places, explicit, chance):
    """Deflate the data set, followed by 2 GB of zeros; now and then by nothing, which is a good file."""
    syntax = next((place for place in elements_of_meta(bytes(content)) if place.tag == 0x00020010), None)
    data_set = next((place.begin for place in places if place.tag >> 16 != 2), None)
    if syntax is None or data_set is None or not explicit:
        return
    meta = bytearray(content[:data_set])
    meta[syntax.first - 2 : syntax.last] = struct.pack("<H", len(DEFLATED)) + DEFLATED
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    plain = bytes(content[data_set:])
    if chance.random() < 0.2:
        content[:] = bytes(meta) + deflater.compress(plain) + deflater.flush()
    else:
        content[:] = bytes(meta) + deflater.compress(plain) + deflater.flush(zlib.Z_FULL_FLUSH) + nothing_deflated()


def elements_of_meta(content):
    try:
        for element in elements(content, 132, len(content), Encoding(False, "<")):
            if element.tag >> 16 != 2:
                return
            yield Place(element.first - 8, element.first, element.last, element.tag, element.vr)
    except ValueError:
        return


def replace_value(content, places, explicit, chance):
    """Give an element another value with the right length: what no damage makes, but somebody who writes files can."""
    if not places:
        return
    place = chance.choice(places)
    value = chance.choice(VALUES)
    value += b" " * (len(value) % 2)
    if explicit and place.vr not in LONG_LENGTH:
        content[place.first - 2 : place.last] = struct.pack("<H", min(len(value), 0xFFFE)) + value[:0xFFFE]
    else:
        content[place.first - 4 : place.last] = struct.pack("<I", len(value)) + value


def nest_sequences(content, places, explicit, chance):
    """Put a private sequence into the data set that holds one that holds one ..., ten thousand deep."""
    top = [place for place in places if 0x00090000 < place.tag < 0x7FE00000]
    if not top:
        return
    depth = chance.choice((50, 1_000, 10_000))
    begin = b"\x09\0\x01\x10" + (b"SQ\0\0" if explicit else b"") + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    content[top[0].begin : top[0].begin] = begin * depth + end * depth


KINDS = (
    flip_bytes, flip_bytes, flip_bytes, cut, change_length, change_length, change_vr, repeat_element, remove_element,
    change_size, change_size, change_number, add_items, deflate_bomb, replace_value, replace_value, nest_sequences,
)  # fmt: skip


def flip_other(content, chance):
    flip_bytes(content, [], False, chance)


def cut_other(content, chance):
    cut(content, [], False, chance)


def flip_header(content, chance):
    content[chance.randrange(min(len(content), 400))] ^= 1 << chance.randrange(8)


def set_number(content, chance):
    """Overwrite a binary number of the header with an extreme one."""
    value = struct.pack(*chance.choice(EXTREMES))
    at = chance.randrange(min(len(content), 352) // 2) * 2
    content[at : at + len(value)] = value


def set_text(content, chance):
    """Overwrite a number that is written as text."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?|[a-z]{3,}", bytes(content[: 2**16])))
    if found:
        one = chance.choice(found)
        content[one.start() : one.end()] = chance.choice((*NUMBERS_AS_TEXT, b"{" * 3000, b'"', b"[" * 200_000))


def change_packed(content, chance):
    """Damage what is compressed, and compress it again; now and then with a gigabyte of zeros behind it."""
    if content[:2] != b"\x1f\x8b":
        return flip_other(content, chance)
    try:
        plain = bytearray(gzip.decompress(bytes(content)))
    except (OSError, EOFError, zlib.error):
        return None
    if chance.random() < 0.2:
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        packed = packer.compress(bytes(plain)) + packer.flush(zlib.Z_FULL_FLUSH) + nothing_deflated()
        content[:] = packed
        return None
    if len(plain) >= 4:
        chance.choice((flip_header, set_number, flip_other, cut_other))(plain, chance)
    content[:] = gzip.compress(bytes(plain), mtime=0)
    return None


OTHER_KINDS = (flip_other, flip_header, flip_header, cut_other, set_number, set_number, set_text, set_text, change_packed)


@dataclass(frozen=True)
class Reading:
    """What is read: by which reader ("image", "segmentation" or "record"), of how many bytes, for which image (RTSTRUCT)."""

    reader: str
    path: Path
    decoded_bytes: int
    image: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How reading a file ended.

    Attributes
    ----------
    fault : str or None
        What went wrong: reading crashed, took too long or too much memory, or raised what it should not.
    message : str or None
        Why the file was refused.
    digest : str or None
        SHA-256 of voxels and grid, of a file that was read.
    seconds : float
        Of the processor.
    peak_bytes : int
        Memory in use beyond what was in use before.
    """

    fault: str | None = None
    message: str | None = None
    digest: str | None = None
    seconds: float = 0.0
    peak_bytes: int = 0


class Survival:
    """A process that reads files one after the other; a new one takes its place when it is killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    def fault(self, reading: Reading) -> str | None:
        """Return what went wrong, or None."""
        return self.outcome(reading).fault

    def outcome(self, reading: Reading) -> Outcome:
        """Return how reading ended."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, "--worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._process.stdout.readline()
        asked = {
            "reader": reading.reader, "path": str(reading.path), "bytes": BASE_BYTES + 4 * reading.decoded_bytes,
            "image": str(reading.image) if reading.image else None,
        }  # fmt: skip
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        # Work is limited by the process's own time; the clock on the wall shows only that it waits for something for ever.
        ready, _, _ = select.select([self._process.stdout], [], [], 10 * SECONDS)
        answer = self._process.stdout.readline() if ready else ""
        if answer:
            return Outcome(**json.loads(answer))
        fault = self._last_words() if ready else f"waited more than {10 * SECONDS} s"
        self.end()
        return Outcome(fault)

    def _last_words(self) -> str:
        self._process.wait(5)
        if self._process.returncode == -signal.SIGXCPU:
            return f"worked more than {SECONDS} s"
        return f"crashed: exit status {self._process.returncode}, {self._process.stderr.read()[-500:]}"

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                pipe.close()
            self._process = None


def work() -> None:
    """Answer requests on standard input, one line of JSON each, until it ends."""
    import logging
    import warnings

    import pydicom  # noqa: F401 - so that it is loaded without a memory limit
    import SimpleITK as sitk

    from SegQCLib.images import read_image

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # Each thread's stack counts against the address space.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    cached_image = cache(read_image)
    answers, sys.stdout = sys.stdout, sys.stderr
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        image = cached_image(Path(asked["image"])) if asked["image"] else None
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + asked["bytes"], resource.RLIM_INFINITY))
        used = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + SECONDS + 1, resource.RLIM_INFINITY))
        Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
        before = peak_bytes()
        outcome = outcome_of(asked["reader"], Path(asked["path"]), image)
        outcome |= {"seconds": time.process_time() - used, "peak_bytes": peak_bytes() - before}
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(json.dumps(outcome), file=answers, flush=True)


def outcome_of(reader: str, path: Path, image) -> dict[str, str]:
    from SegQCLib.dicom.sr_inputs import read_record
    from SegQCLib.errors import BadDataError
    from SegQCLib.images import read_image
    from SegQCLib.importers import read_segmentation

    try:
        if reader == "record":
            read_record(path)
            return {}
        read = read_image(path) if reader == "image" else read_segmentation(path, image=image)
        voxels = [read.array] if reader == "image" else [*read.layers, *(segment.label_value for segment in read.segments)]
        digest = hashlib.sha256(repr(read.geometry).encode())
        for one in voxels:
            digest.update(np.ascontiguousarray(one).tobytes())
        return {"digest": digest.hexdigest()}
    except BadDataError as error:
        if path.name not in str(error) and str(path.parent) not in str(error):
            return {"fault": f"does not name the file: {error}"}
        return {"message": str(error)}
    except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
        return {"fault": traceback.format_exc()[-1500:]}


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    if sys.argv[1:] == ["--worker"]:
        work()
    else:
        import tempfile

        from test_fuzz_dicom import a_damaged, originals_in

        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "originals").mkdir()
            known = originals_in(folder / "originals")
            for number in map(int, sys.argv[1:]):
                one = Survival()
                original = known[number % len(known)]
                print(number, original.path, one.outcome(a_damaged(original, number, folder / str(number))))
                one.end()
