/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* System V ABI: rbx, rbp, r12-r15, the control bits of mxcsr and the x87 control word survive a
 * call. A suspended context, from its address upwards:
 *   +0 mxcsr, +4 x87 control word, +8 r15, +16 r14, +24 r13, +32 r12, +40 rbx, +48 rbp, +56 where
 *   to go on
 * Storing the x87 control word costs as much as all the rest. It is taken to be the usual one while
 * mxcsr has its usual control bits: fesetround() and its like change both. */

#define MXCSR_CONTROL 0xffc0    /* without the flags of what has happened */
#define MXCSR_USUAL 0x1f80
#define X87_USUAL 0x037f

    .text

/* void osri_context_jump(void **ret_from [rdi], void *to [rsi]) */
    .globl  osri_context_jump
    .hidden osri_context_jump
    .type   osri_context_jump, @function
    .p2align 4
osri_context_jump:
    .cfi_startproc
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    subq    $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    movl    $X87_USUAL, 4(%rsp)
    movl    (%rsp), %eax
    andl    $MXCSR_CONTROL, %eax
    xorl    $MXCSR_USUAL, %eax
    jne     3f
1:
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp          /* the other stack has the same layout: the CFI stays true */

    movl    (%rsp), %ecx        /* loading control words is slow, and they hardly ever differ */
    andl    $MXCSR_CONTROL, %ecx
    xorl    $MXCSR_USUAL, %ecx
    orl     %ecx, %eax
    jne     4f
2:
    addq    $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    ret

    .cfi_def_cfa rsp, 64
    .cfi_offset rip, -8
    .cfi_offset rbp, -16
    .cfi_offset rbx, -24
    .cfi_offset r12, -32
    .cfi_offset r13, -40
    .cfi_offset r14, -48
    .cfi_offset r15, -56
3:
    fnstcw  4(%rsp)
    jmp     1b
4:
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    jmp     2b
    .cfi_endproc
    .size   osri_context_jump, . - osri_context_jump

/* void *osri_context_make(void *top [rdi], void (*entry)(void *) [rsi], void *argument [rdx]) */
    .globl  osri_context_make
    .hidden osri_context_make
    .type   osri_context_make, @function
    .p2align 4
osri_context_make:
    .cfi_startproc
    movq    %rdi, %rax
    andq    $-16, %rax
    subq    $64, %rax
    stmxcsr (%rax)
    fnstcw  4(%rax)
    movq    $0, 8(%rax)
    movq    $0, 16(%rax)
    movq    %rdx, 24(%rax)      /* r13: argument */
    movq    %rsi, 32(%rax)      /* r12: entry */
    movq    $0, 40(%rax)
    movq    $0, 48(%rax)        /* rbp: the end of the chain of frames */
    leaq    enter_context(%rip), %rcx
    movq    %rcx, 56(%rax)
    ret
    .cfi_endproc
    .size   osri_context_make, . - osri_context_make

/* The first frame of a stack; nothing called it, and backtraces end here. */
    .type   enter_context, @function
    .p2align 4
enter_context:
    .cfi_startproc
    .cfi_undefined rip
    movq    %r13, %rdi
    callq   *%r12
    ud2
    .cfi_endproc
    .size   enter_context, . - enter_context

    .section .note.GNU-stack, "", @progbits
