# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# Of two nodes that dial each other both refuse.
s/strcmp(self_name, claim->name) > 0/strcmp(self_name, claim->name) != 0/
