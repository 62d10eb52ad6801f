# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# Of two nodes that dial each other both accept.
s/return same_key && strcmp(self_name, claim->name) > 0 ? OSRI_VERDICT_REFUSE_SIMULTANEOUS/(void)self_name;\n        return false ? OSRI_VERDICT_REFUSE_SIMULTANEOUS/
