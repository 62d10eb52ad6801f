# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# nodedown is not told.
/osri_node_peer_down(net->node/d
