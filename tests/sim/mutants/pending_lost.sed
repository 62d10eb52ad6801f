# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# What waited for a session that ended at once is forgotten.
/it ended before osri_party_release/d
