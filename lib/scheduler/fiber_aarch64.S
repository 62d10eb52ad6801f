/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* AAPCS64: x19-x30, the low halves of v8-v15 and fpcr survive a call.
 * A suspended context, from its address upwards:
 *   +0 x19 … +80 x29, +88 x30 (where to go on), +96 d8 … +152 d15, +160 fpcr, +168 unused */

    .text

/* void osri_context_jump(void **ret_from [x0], void *to [x1]) */
    .globl  osri_context_jump
    .hidden osri_context_jump
    .type   osri_context_jump, %function
    .p2align 4
osri_context_jump:
    .cfi_startproc
    sub     sp, sp, #176
    .cfi_adjust_cfa_offset 176
    stp     x19, x20, [sp, #0]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    .cfi_rel_offset x19, 0
    .cfi_rel_offset x20, 8
    .cfi_rel_offset x21, 16
    .cfi_rel_offset x22, 24
    .cfi_rel_offset x23, 32
    .cfi_rel_offset x24, 40
    .cfi_rel_offset x25, 48
    .cfi_rel_offset x26, 56
    .cfi_rel_offset x27, 64
    .cfi_rel_offset x28, 72
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mrs     x9, fpcr
    str     x9, [sp, #160]

    mov     x10, sp
    str     x10, [x0]
    mov     sp, x1              /* the other stack has the same layout: the CFI stays true */

    ldr     x10, [sp, #160]
    cmp     x9, x10
    b.eq    1f                  /* writing fpcr is slow, and it is hardly ever another one */
    msr     fpcr, x10
1:
    ldp     d14, d15, [sp, #144]
    ldp     d12, d13, [sp, #128]
    ldp     d10, d11, [sp, #112]
    ldp     d8, d9, [sp, #96]
    ldp     x29, x30, [sp, #80]
    ldp     x27, x28, [sp, #64]
    ldp     x25, x26, [sp, #48]
    ldp     x23, x24, [sp, #32]
    ldp     x21, x22, [sp, #16]
    ldp     x19, x20, [sp, #0]
    add     sp, sp, #176
    .cfi_adjust_cfa_offset -176
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size   osri_context_jump, . - osri_context_jump

/* void *osri_context_make(void *top [x0], void (*entry)(void *) [x1], void *argument [x2]) */
    .globl  osri_context_make
    .hidden osri_context_make
    .type   osri_context_make, %function
    .p2align 4
osri_context_make:
    .cfi_startproc
    and     x0, x0, #-16
    sub     x0, x0, #176
    stp     x1, x2, [x0, #0]    /* x19: entry, x20: argument */
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    stp     xzr, xzr, [x0, #64]
    adr     x9, enter_context
    stp     xzr, x9, [x0, #80]  /* x29: the end of the chain of frames */
    stp     xzr, xzr, [x0, #96]
    stp     xzr, xzr, [x0, #112]
    stp     xzr, xzr, [x0, #128]
    stp     xzr, xzr, [x0, #144]
    mrs     x9, fpcr
    stp     x9, xzr, [x0, #160]
    ret
    .cfi_endproc
    .size   osri_context_make, . - osri_context_make

/* The first frame of a stack; nothing called it, and backtraces end here. */
    .type   enter_context, %function
    .p2align 4
enter_context:
    .cfi_startproc
    .cfi_undefined x30
    mov     x0, x20
    blr     x19
    brk     #1
    .cfi_endproc
    .size   enter_context, . - enter_context

    .section .note.GNU-stack, "", %progbits
