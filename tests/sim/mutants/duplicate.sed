# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# One record in fifty is sent twice.
s/^    session->net->counters.records_sent++;$/&\n    if (session->net->counters.records_sent % 50 == 0 \&\& sender != SENDER_INTRODUCTIONS) {\n        (void)osri_session_step(session, \&event);\n    }/
