/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLAT_SVM_ROOT_H
#define SLAT_SVM_ROOT_H

#include "hw.h"
#include "svm/tag.h"

int slat_svm_root_alloc(void);
void slat_svm_root_free(void);
int slat_svm_root_enter(struct slat_why *why);
void slat_svm_root_leave(void);
void slat_svm_root_abandon(void);
u64 slat_svm_root_host(void);
struct slat_svm_tags *slat_svm_root_tags(void);
void slat_svm_root_scale_tsc(u64 ratio);

#endif /* SLAT_SVM_ROOT_H */
