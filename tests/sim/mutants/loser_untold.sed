# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# Who loses a name does not hear of it.
s/^    punish(names, name, pid, policy, winner);$/    (void)punish;\n    (void)name;\n    (void)pid;\n    (void)policy;\n    (void)winner;/
