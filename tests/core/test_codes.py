"""What is worked out once about a code object, known by its identity."""

from types import CodeType

from inprofile.core.codes import MAX_KNOWN, per_code

TEXT = "def view():\n    return 1\n"


def _code(file: str) -> CodeType:
    names: dict[str, object] = {}
    exec(compile(TEXT, file, "exec"), names)
    found = getattr(names["view"], "__code__", None)
    assert isinstance(found, CodeType)
    return found


def test_a_question_is_asked_once_for_the_same_code_and_others() -> None:
    asked = []

    @per_code
    def where(code: CodeType, add: int) -> int:
        asked.append(add)
        return code.co_firstlineno + add

    code = _code("one.py")
    assert [where(code, 1), where(code, 1), where(code, 2)] == [2, 2, 3]
    assert asked == [1, 2]


def test_equal_code_of_two_files_is_two() -> None:
    @per_code
    def file(code: CodeType) -> str:
        return code.co_filename

    one, two = _code("one.py"), _code("two.py")
    assert one == two
    assert (file(one), file(two)) == ("one.py", "two.py")


def test_what_is_remembered_has_a_bound() -> None:
    asked = []

    @per_code
    def number(_code: CodeType, value: int) -> int:
        asked.append(value)
        return value

    code = _code("one.py")
    for value in range(MAX_KNOWN + 1):
        number(code, value)
    number(code, MAX_KNOWN)
    number(code, 0)
    assert len(asked) == MAX_KNOWN + 2
