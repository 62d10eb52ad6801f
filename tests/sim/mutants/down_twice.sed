# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# A monitor fires twice.
s/^        tell_down(process, entry, .*$/&\n&/
