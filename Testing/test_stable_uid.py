"""UIDs that follow from what an object says."""

import re
import uuid

from SegQCLib.dicom.stable_uid import stable_uid


def test_a_stable_uid_is_a_uid_made_of_a_uuid_of_version_8():
    for number in range(300):
        uid = stable_uid("report", str(number))
        # PS3.5 9.1: 64 characters, no leading zeros; B.2: the root 2.25 and the UUID as an integer.
        assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", uid)
        made_of = uuid.UUID(int=int(uid.removeprefix("2.25.")))
        assert (made_of.version, made_of.variant) == (8, uuid.RFC_4122)


def test_it_is_the_same_on_every_computer():
    # printf '["SegQC", "report", "1.2", "\\u00e4"]' | sha256sum, but for the six bits of version and variant.
    first = "1b534a27aae443e5e97a993120b4d9df"
    made_of = uuid.UUID(int=int(stable_uid("report", "1.2", "ä").removeprefix("2.25."))).hex
    assert made_of == f"{first[:12]}8{first[13:16]}a{first[17:]}"


def test_other_facts_another_order_and_other_bounds_between_facts_give_other_uids():
    asked = [("a", "bc"), ("ab", "c"), ("abc",), ("a", "b", "c"), ("b", "a", "c"), ("a", "bc", ""), ('a", "bc',)]
    assert len({stable_uid(kind, *facts) for kind in ("report", "series") for facts in asked}) == 2 * len(asked)
