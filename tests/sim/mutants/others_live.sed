# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# A new session of a name does not end the old one.
/^    end_others(session, action->verdict == OSRI_VERDICT_REPLACE);$/d
/^static void end_others/,/^}/d
