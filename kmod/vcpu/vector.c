// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's vector registers, while they are in this CPU: by XSAVE and
 * XRSTOR of all of them, as instructions name them only one by one (SDM vol. 1,
 * 13.4).
 */
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/thread_info.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

#include "vcpu/vcpu.h"

#define XMM_OFFSET	160
#define XMM_SIZE	16
#define YMM_SIZE	32

/**
 * struct vectors - the standard format, as far as AVX
 * @legacy: as FXSAVE writes it
 * @header: which components there are
 * @ymm_high: upper halves of YMM registers
 */
struct vectors {
	u8 legacy[512];
	u64 header[8];
	u8 ymm_high[16][XMM_SIZE];
} __aligned(64);

/* Too large for a stack; used with preemption and softirqs off. */
static DEFINE_PER_CPU_ALIGNED(struct vectors, scratch);

static u32 components(void)
{
	return boot_cpu_has(X86_FEATURE_AVX) ? XFEATURE_MASK_SSE | XFEATURE_MASK_YMM :
					       XFEATURE_MASK_SSE;
}

/* The registers of the task whose guest state is swapped in; held until vectors_end(). */
static struct vectors *vectors_begin(void)
{
	struct vectors *vectors;

	fpregs_lock();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
	vectors = this_cpu_ptr(&scratch);
	memset(vectors->header, 0, sizeof(vectors->header));
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		asm volatile("xsave64 %0" : "+m" (*vectors) : "a" (components()), "d" (0));
	else
		asm volatile("fxsave64 %0" : "+m" (*vectors));
	return vectors;
}

/* No guest's registers stay behind. */
static void vectors_end(struct vectors *vectors)
{
	memset(vectors, 0, sizeof(*vectors));
	fpregs_unlock();
}

/* Above bit 255: a move of the register to itself clears that. */
static void clear_above_ymm(unsigned int nr)
{
#define CLEAR(n) do {						\
	if (nr == (n))						\
		asm volatile("vmovaps %ymm" #n ", %ymm" #n);	\
} while (0)
	CLEAR(0);
	CLEAR(1);
	CLEAR(2);
	CLEAR(3);
	CLEAR(4);
	CLEAR(5);
	CLEAR(6);
	CLEAR(7);
	CLEAR(8);
	CLEAR(9);
	CLEAR(10);
	CLEAR(11);
	CLEAR(12);
	CLEAR(13);
	CLEAR(14);
	CLEAR(15);
#undef CLEAR
}

/**
 * slat_vector_read() - read XMM, or YMM, register
 * @nr: which, 0 to 15
 * @data: 32 bytes, of which the upper half counts where the CPU has AVX
 *
 * In slat_vcpu_run().
 */
void slat_vector_read(unsigned int nr, void *data)
{
	struct vectors *vectors = vectors_begin();

	memcpy(data, vectors->legacy + XMM_OFFSET + nr * XMM_SIZE, XMM_SIZE);
	if (components() & XFEATURE_MASK_YMM)
		memcpy(data + XMM_SIZE, vectors->ymm_high[nr], XMM_SIZE);
	vectors_end(vectors);
}

/**
 * slat_vector_write() - write XMM register, keeping the rest, or YMM, clearing it
 * @nr: which, 0 to 15
 * @data: what to write
 * @len: 16 or 32
 *
 * In slat_vcpu_run().
 */
void slat_vector_write(unsigned int nr, const void *data, unsigned int len)
{
	struct vectors *vectors = vectors_begin();

	memcpy(vectors->legacy + XMM_OFFSET + nr * XMM_SIZE, data, XMM_SIZE);
	if (len == YMM_SIZE)
		memcpy(vectors->ymm_high[nr], data + XMM_SIZE, XMM_SIZE);
	vectors->header[0] = components();
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		asm volatile("xrstor64 %0" : : "m" (*vectors), "a" (components()), "d" (0));
	else
		asm volatile("fxrstor64 %0" : : "m" (*vectors));
	if (len == YMM_SIZE && boot_cpu_has(X86_FEATURE_AVX512F))
		clear_above_ymm(nr);
	vectors_end(vectors);
}
