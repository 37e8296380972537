/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest that writes its memory while that is copied to another host. */
#ifndef SLAT_MODEL_MIGRATION_H
#define SLAT_MODEL_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct migration - what happens
 * @flush_under_lock: the policy; false: Slat's
 * @cpus: of the host
 * @sockets: of the host
 * @vcpus: of the guest, each with a CPU of its own; one more CPU migrates
 * @halted: so many of them are not in the guest
 * @pages: of the guest
 * @batch: entries between taking the lock and dropping it
 * @think: nanoseconds between two writes of a vCPU, each to another page
 * @rest: nanoseconds between two reads of the log: memory is sent
 * @rounds: how often it is read while the guest runs
 */
struct migration {
	bool flush_under_lock;
	int cpus;
	int sockets;
	int vcpus;
	int halted;
	unsigned int pages;
	unsigned int batch;
	uint64_t think;
	uint64_t rest;
	int rounds;
};

/* How something is distributed. */
struct spread {
	uint64_t count;
	uint64_t mean;
	uint64_t p50;
	uint64_t p99;
	uint64_t max;
};

/**
 * struct migration_result - what it took; times in nanoseconds
 * @stall: of each fault, what it waited for others: in the queue for a lock or a line
 * @fault: of each fault, from the VM exit until the entry
 * @hold: lock-hold time of who reads the log
 * @seal: of that, from its last change until others can have the lock
 * @commits: flushes that were waited for
 * @commit: how long each took
 * @ipis: sent
 * @ipis_under_lock: of those, by somebody who held a lock
 * @ipis_outside: of those, to a CPU that was not in the guest
 * @ipis_per_commit: the most that one commit has sent
 * @ipis_to_one: the most that one commit has sent to one vCPU
 * @flushes: INVEPTs
 * @writes: of the guest
 * @time: until the last vCPU has stopped
 * @unlogged: of those, to a page that the log did not have, nor the reader of the log
 * @lost: pages whose last write was not sent
 */
struct migration_result {
	struct spread stall;
	struct spread fault;
	struct spread hold;
	struct spread seal;
	struct spread commit;
	uint64_t commits;
	uint64_t ipis;
	uint64_t ipis_under_lock;
	uint64_t ipis_outside;
	uint64_t ipis_per_commit;
	uint64_t ipis_to_one;
	uint64_t flushes;
	uint64_t writes;
	uint64_t unlogged;
	uint64_t time;
	uint64_t lost;
};

extern const struct migration migration_default;

void migration_run(const struct migration *what, struct migration_result *result);

#endif /* SLAT_MODEL_MIGRATION_H */
