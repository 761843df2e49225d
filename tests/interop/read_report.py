"""Runs a report with a passing, a failing and a broken query, and reads its JUnit file with junitparser, as CI systems would.

    read_report.py FIRELAKE SCRATCH     the program, and the folder where read_files.py left a lake
"""

import os
import subprocess
import sys
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped

PASSING = """-- expect: status >= 100
-- expect: max(ts) < timestamp 'now'
SELECT ts, status FROM access
"""
# What a log may hold and XML may not, and what XML would take for markup.
FAILING = """-- expect: rows = 0
-- expect: text = '<&>"'
-- expect: n <= 3
SELECT * FROM (VALUES (1, '<&>"'), (2, ']]>' || chr(27) || chr(1) || chr(10) || 'é 😀'), (3, NULL)) AS t(n, text)
"""
BROKEN = """-- expect: rows > 0
-- expect: status = 200
SELECT stauts FROM access
"""
PLAIN = "SELECT 1 AS one\n"

# Of each case: its suite, its name, and what became of it.
EXPECTED = [
    ("checks/a_passing.sql", "status >= 100", None),
    ("checks/a_passing.sql", "max(ts) < timestamp 'now'", None),
    ("checks/b_failing.sql", "rows = 0", (Failure, "rows = 0: found 3; 3 rows break it")),
    ("checks/b_failing.sql", "text = '<&>\"'", (Failure, "text = '<&>\"': 1 row breaks it")),
    ("checks/b_failing.sql", "n <= 3", None),
    ("checks/c_broken.sql", "rows > 0",
     (Error, "checks/c_broken.sql, line 3, column 8: there is no column stauts")),
    ("checks/c_broken.sql", "status = 200", (Skipped, "the query broke")),
    ("checks/d_plain.sql", "is answered", None),
]


def main(firelake, scratch):
    os.chdir(scratch)
    Path("checks").mkdir()
    for name, text in [("a_passing", PASSING), ("b_failing", FAILING), ("c_broken", BROKEN), ("d_plain", PLAIN)]:
        Path(f"checks/{name}.sql").write_text(text)
    code = report(firelake, "checks", "--junit", "report.xml")
    check(code == 1, f"the exit code is {code}, not 1: a query broke")
    code = report(firelake, "checks/b_failing.sql", "checks/a_passing.sql")
    check(code == 3, f"the exit code is {code}, not 3: an expectation does not hold")

    parsed = JUnitXml.fromfile("report.xml")
    counts = (parsed.tests, parsed.failures, parsed.errors, parsed.skipped)
    check(counts == (8, 2, 1, 1), f"tests, failures, errors and skipped are {counts}")
    found = [(suite.name, case.name, result(case)) for suite in parsed for case in suite]
    for expected, case in zip(EXPECTED, found, strict=True):
        check(case == expected, f"a test case differs\n  expected: {expected}\n  found:    {case}")
    rows = next(case.result[0].text for suite in parsed for case in suite if case.name.startswith("text = "))
    check("]]>\\x1b\\x01\\né 😀" in rows, f"the offending row is not told as it should be:\n{rows}")
    # counted anew from the cases, the numbers of every suite stay
    written = [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in parsed]
    parsed.update_statistics()
    recounted = [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in parsed]
    check(written == recounted, f"the suites say {written}, their cases {recounted}")
    print(f"ok  junitparser reads the report: {counts[0]} tests, {counts[1]} failures, {counts[2]} error, {counts[3]} skipped")


def report(firelake, *arguments):
    done = subprocess.run([firelake, "report", "--lake", "lake", *arguments], capture_output=True, text=True)
    return done.returncode


def result(case):
    if not case.result:
        return None
    [found] = case.result
    return type(found), found.message


def check(holds, otherwise):
    if not holds:
        sys.exit(f"error: {otherwise}")


if __name__ == "__main__":
    main(*sys.argv[1:])
