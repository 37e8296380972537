// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's vector registers, while they are in this CPU.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/thread_info.h>
#include <asm/fpu/api.h>

#include "vcpu.h"

#define FOR_EACH_VECTOR(DO) \
	DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) \
	DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)

/* The registers of the task whose guest state is swapped in. */
static void vectors_begin(void)
{
	fpregs_lock();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

static void vectors_end(void)
{
	fpregs_unlock();
}

static void read_xmm(unsigned int nr, void *data)
{
	switch (nr) {
#define CASE(n) case n: asm volatile("movups %%xmm" #n ", %0" : "=m" (*(u8 (*)[16])data)); break;
	FOR_EACH_VECTOR(CASE)
#undef CASE
	}
}

static void read_ymm(unsigned int nr, void *data)
{
	switch (nr) {
#define CASE(n) case n: asm volatile("vmovups %%ymm" #n ", %0" : "=m" (*(u8 (*)[32])data)); break;
	FOR_EACH_VECTOR(CASE)
#undef CASE
	}
}

static void write_xmm(unsigned int nr, const void *data)
{
	switch (nr) {
#define CASE(n) case n: asm volatile("movups %0, %%xmm" #n : : "m" (*(const u8 (*)[16])data)); break;
	FOR_EACH_VECTOR(CASE)
#undef CASE
	}
}

static void write_ymm(unsigned int nr, const void *data)
{
	switch (nr) {
#define CASE(n) case n: asm volatile("vmovups %0, %%ymm" #n : : "m" (*(const u8 (*)[32])data)); break;
	FOR_EACH_VECTOR(CASE)
#undef CASE
	}
}

/**
 * slat_vector_read() - read XMM, or YMM, register
 * @nr: which, 0 to 15
 * @data: 32 bytes, of which 16 are filled in without @ymm
 * @ymm: the CPU has YMM registers
 *
 * In slat_vcpu_run().
 */
void slat_vector_read(unsigned int nr, void *data, bool ymm)
{
	vectors_begin();
	if (ymm)
		read_ymm(nr, data);
	else
		read_xmm(nr, data);
	vectors_end();
}

/**
 * slat_vector_write() - write XMM register, keeping the rest, or YMM register
 * @nr: which, 0 to 15
 * @data: what to write
 * @len: 16 or 32
 *
 * In slat_vcpu_run().
 */
void slat_vector_write(unsigned int nr, const void *data, unsigned int len)
{
	vectors_begin();
	if (len == 32)
		write_ymm(nr, data);
	else
		write_xmm(nr, data);
	vectors_end();
}
