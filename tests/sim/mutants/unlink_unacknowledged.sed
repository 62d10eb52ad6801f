# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# An unlink is not acknowledged.
/^    send_bare(process, OSRI_SIGNAL_UNLINK_ACK,/d
