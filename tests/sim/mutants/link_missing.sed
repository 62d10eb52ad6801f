# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# The end of a session forgets the links.
/inject(node, OSRI_SIGNAL_LINK_EXIT, key->remote/,/&reason);/d
