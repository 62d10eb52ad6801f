# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# One record in fifty is lost in the middle of a session.
s/^    session->net->counters.records_sent++;$/&\n    if (session->net->counters.records_sent % 50 == 0 \&\& sender != SENDER_INTRODUCTIONS) {\n        return OSR_OK;\n    }/
