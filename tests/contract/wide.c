/* A million sparse columns under a memory cap: trained, or refused in words where a module takes no
 * sparse data, as dense ones would not fit. */
#include "contract.h"

enum { COLS = 1000000, ROWS = 1500, ENTRIES = 20, SIGNAL = 16 };

/* Entries in ascending columns; most are those of the class, so that neighbours learn it too. */
static hone_dataset *wide(stage *s, hone_task task)
{
    const int64_t cells = (int64_t)ROWS * ENTRIES;
    float *value = stage_memory(s, (size_t)cells * sizeof *value);
    int32_t *column = stage_memory(s, (size_t)cells * sizeof *column);
    int64_t *start = stage_memory(s, (ROWS + 1) * sizeof *start);
    double *y = stage_memory(s, ROWS * sizeof *y);
    dice d = {12};
    for (int64_t i = 0, at = 0; i < ROWS; i++) {
        const int64_t k = i % 2;
        for (int64_t j = 0; j < ENTRIES; j++, at++) {
            const int64_t part = COLS / ENTRIES;
            column[at] = (int32_t)(j < SIGNAL ? j * 2 + k : j * part + dice_below(&d, part));
            value[at] = (float)(1 + dice_below(&d, 4));
        }
        start[i + 1] = at;
        y[i] = task == HONE_CLASSIFICATION ? (double)k : (double)k * 10 + dice_normal(&d);
    }
    const hone_dataset_options o = {.size = sizeof o, .task = task};
    hone_dataset *data = NULL;
    if (hone_dataset_csr(value, HONE_F32, start, HONE_I64, column, HONE_I32, ROWS, COLS,
                         (hone_vector){.values = y, .dtype = HONE_F64}, &o, &data, NULL))
        return NULL;
    return stage_own(s, data);
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    {
        hone_dataset *d = wide(s, task);
        REQUIRE(d, "no dataset");
        hone_options o = with_threads(2);
        o.memory_cap = INT64_C(512) << 20;
        const outcome t = train(s, a, "", d, 1, &o);
        if (!(a->takes & HONE_TAKES_SPARSE)) {
            REQUIRE(t.status == HONE_NO_MEMORY && strstr(t.error.message, "6000000000 bytes"),
                    "sparse data: %s: %s", hone_status_name(t.status), t.error.message);
            continue;
        }
        REQUIRE(!t.status, "wide data, task %d: %s %s: %s", (int)task, hone_status_name(t.status),
                t.error.path, t.error.message);
        REQUIRE(task == HONE_CLASSIFICATION ? t.loss < -0.9 : t.loss < 4.75,
                "wide data, task %d: %g", (int)task, t.loss);
        REQUIRE(hone_result_number(t.result, "peak_bytes", -1) <= (double)o.memory_cap,
                "wide data: beyond the cap");
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv, &(contract){.holds = holds, .broken = broken_wide});
}
