# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# Counts the tests in the JUnit file that ctest writes. A program counts as the test cases of its check suites
# ("100%: Checks: 12, Failures: 0, Errors: 0") or of a line "12 passed, 0 failed", else as one test. One that failed
# counts at least one failure. Each line "SKIP: reason" is a test that was skipped; a skip without a reason is a failure.
# Prints "skip NAME: REASON" for each of these, then "total PASSED FAILED SKIPPED".

/<testcase / {
    name = attribute($0, "name")
    status = attribute($0, "status")
    asked = 0
    good = bad = out = 0
}

/<skipped message="SKIP_RETURN_CODE/ { asked = 1 }

{
    line = $0
    sub(/^[ \t]*<system-out>/, "", line)
    sub(/<\/system-out>.*/, "", line)
}

line ~ /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
    split(line, part, /[^0-9]+/)
    good += part[2] - part[3] - part[4]
    bad += part[3] + part[4]
}

line ~ /^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ {
    split(line, part, /[^0-9]+/)
    good += part[1]
    bad += part[2]
}

line ~ /^SKIP: ./ {
    out++
    print "skip " name ": " plain(substr(line, 7))
}

/<\/testcase>/ {
    if (status == "run") {
        if (good + bad + out == 0) good = 1
    } else if (!asked) {
        if (bad == 0) bad = 1
    } else if (out == 0) {
        print "skip " name ": it gave no reason, which counts as a failure"
        bad++
    }
    passed += good
    failed += bad
    skipped += out
}

END { print "total " passed + 0 " " failed + 0 " " skipped + 0 }

function attribute(text, key,    from) {
    from = index(text, " " key "=\"")
    if (from == 0) return ""
    text = substr(text, from + length(key) + 3)
    return plain(substr(text, 1, index(text, "\"") - 1))
}

function plain(text) {
    gsub(/&lt;/, "<", text)
    gsub(/&gt;/, ">", text)
    gsub(/&quot;/, "\"", text)
    gsub(/&apos;/, "'", text)
    gsub(/&amp;/, "\\&", text)
    return text
}
