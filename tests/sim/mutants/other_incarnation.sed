# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors
# A pid of an earlier incarnation reaches its successor.
s/command->pid\.node != party->up->peer\.node/false/
