"""Damage DICOM files in ways that happen and in ways that are made, and read them where that can do no harm.

`mutations(path, seed)` is one damaged file: the same for the same seed. `Survival` reads files in a process of its
own, which has a time limit and a memory limit, and says what went wrong: nothing, as long as reading ends with a
result or with a BadDataError that names the file.

    python Testing/fuzz_dicom.py SEED ...       reads single inputs of Testing/test_fuzz_dicom.py again, and says what comes out
"""

import json
import random
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
        places, explicit = layout(bytes(content))
        chance.choice(KINDS)(content, places, explicit, chance)
        if len(content) > 64 * 2**20:
            break
    return bytes(content)


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
    last = chance.choice((pixels, len(content)))
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


KINDS = (
    flip_bytes, flip_bytes, flip_bytes, cut, change_length, change_length, change_vr, repeat_element, remove_element,
    change_size, change_size, change_number, add_items, deflate_bomb,
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What is read: by which reader ("image" or "segmentation"), of how many decoded bytes, for which image (RTSTRUCT)."""

    reader: str
    path: Path
    decoded_bytes: int
    image: Path | None = None


class Survival:
    """A process that reads files one after the other; a new one takes its place when it is killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    def fault(self, reading: Reading) -> str | None:
        """Return what went wrong, or None."""
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
            return json.loads(answer)["fault"]
        fault = self._last_words() if ready else f"waited more than {10 * SECONDS} s"
        self.end()
        return fault

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

    from SegQCLib.errors import BadDataError
    from SegQCLib.images import read_image
    from SegQCLib.importers import read_segmentation

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # Each thread's stack counts against the address space.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    cached_image = cache(read_image)
    answers, sys.stdout = sys.stdout, sys.stderr
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        path = Path(asked["path"])
        image = cached_image(Path(asked["image"])) if asked["image"] else None
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + asked["bytes"], resource.RLIM_INFINITY))
        used = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + SECONDS + 1, resource.RLIM_INFINITY))
        fault = None
        try:
            _ = read_image(path) if asked["reader"] == "image" else read_segmentation(path, image=image)
        except BadDataError as error:
            if path.name not in str(error) and str(path.parent) not in str(error):
                fault = f"does not name the file: {error}"
        except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
            fault = traceback.format_exc()[-1500:]
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(json.dumps({"fault": fault}), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--worker"]:
        work()
    else:
        import tempfile

        from conftest import SHARED
        from test_fuzz_dicom import input_of

        for number in map(int, sys.argv[1:]):
            with tempfile.TemporaryDirectory() as folder:
                one = Survival()
                print(number, *input_of(SHARED, number)[:2], one.fault(input_of(SHARED, number, Path(folder))[2]) or "survives")
                one.end()
