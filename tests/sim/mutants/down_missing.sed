# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# The end of a session forgets the monitors.
/inject(node, OSRI_SIGNAL_DOWN, value->other/,/&reason);/d
