# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# Senders wait when 4 KiB are queued.
s/OSRI_LANE_BUSY_BYTES/4096/
