"""What stands in a folder of session logs is what the shipped schemas say."""

import json

import jsonschema
import pytest

from SegQCLib.dataclass_json import to_plain
from SegQCLib.readers.log_receipt import new_receipt, receipt_schema
from SegQCLib.readers.log_schema import deleted_session_schema, session_log_schema
from SegQCLib.readers.reader_logs import delete_reader_logs
from SegQCLib.readers.verify_logs import verify_logs
from SegQCLib.resources import resource
from session_logs import a_session

SCHEMAS = {"session_log": session_log_schema(), "deleted_session": deleted_session_schema(), "log_receipt": receipt_schema()}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_shipped_schema_is_the_one_of_the_code(name):
    shipped = resource(f"Schemas/{name}.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(SCHEMAS[name], indent=2, ensure_ascii=False) + "\n"
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_line_of_a_log_is_what_the_schema_says(tmp_path):
    a_session(tmp_path, 0)
    validator = jsonschema.Draft202012Validator(SCHEMAS["session_log"])
    for line in a_session(tmp_path, 1).read_bytes().splitlines():
        content = json.loads(line)
        validator.validate(content)
        for key in content:
            assert not validator.is_valid({other: value for other, value in content.items() if other != key}), key
        assert not validator.is_valid({**content, "another": 1})


def test_what_stays_of_a_deleted_session_is_what_the_schema_says(tmp_path):
    a_session(tmp_path, 0, reader="B")
    a_session(tmp_path, 1, reader="A")
    delete_reader_logs(tmp_path, "A")
    (path,) = tmp_path.glob("*.json")
    jsonschema.Draft202012Validator(SCHEMAS["deleted_session"]).validate(json.loads(path.read_bytes()))


def test_a_receipt_is_what_the_schema_says(tmp_path):
    a_session(tmp_path, 0)
    receipt = to_plain(new_receipt(verify_logs(tmp_path).sessions))
    jsonschema.Draft202012Validator(SCHEMAS["log_receipt"]).validate(json.loads(json.dumps(receipt)))
