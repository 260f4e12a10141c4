/* Train, fork, train in the child and in the grandchild; and fork while another thread trains on
 * the same dataset. Each child gets the bits of its parent. */
#define _GNU_SOURCE
#include "contract.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds of a child. */
enum { LIMIT = SANITIZED ? 60 : 5 };

typedef struct family {
    stage *s;
    const hone_algorithm *a;
    hone_dataset *dataset;
    double loss;
    int32_t enough;
    hone_status beside;
} family;

static bool same_loss(const family *f)
{
    const hone_options o = with_threads(2);
    const outcome t = train(f->s, f->a, "", f->dataset, 1, &o);
    return !t.status && same_bits(&t.loss, &f->loss, 1);
}

/* Of a child of `depth` generations below: whether it and they got the same loss in time. */
static bool child_agrees(const family *f, int depth)
{
    const pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT);
        const bool own = same_loss(f);
        _exit(own && (depth == 0 || child_agrees(f, depth - 1)) ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    return child > 0 && status == 0;
}

static void *train_on(void *arg)
{
    family *f = arg;
    stage *own = stage_within(f->s);
    const hone_options o = with_threads(2);
    while (!__atomic_load_n(&f->enough, __ATOMIC_ACQUIRE) && !f->beside)
        f->beside = train(own, f->a, "", f->dataset, 2, &o).status;
    return NULL;
}

/* A fork may find the other thread anywhere: in the cache, in the allocator, in a team of threads.
 * Sanitizers' own allocators do not survive that. */
static bool survives_forks_in_flight(stage *s, family *f)
{
    pthread_t thread;
    f->enough = 0;
    REQUIRE(!pthread_create(&thread, NULL, train_on, f), "no thread");
    bool agree = true;
    const int forks = s->thorough ? 100 : 10;
    int k = 0;
    for (; k < forks && agree; k++) {
        usleep((useconds_t)(k * 331 % 5000));
        agree = child_agrees(f, 0);
    }
    __atomic_store_n(&f->enough, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    REQUIRE(!f->beside, "the training beside: %s", hone_status_name(f->beside));
    REQUIRE(agree, "a child of fork %d in flight did not end well", k);
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    {
        family f = {s, a, dataset_of(s, problem_hard(s, task, 90, 4, 3), PLAIN), 0, 0, HONE_OK};
        const hone_options o = with_threads(2);
        const outcome first = train(s, a, "", f.dataset, 1, &o);
        REQUIRE(!first.status, "%s: %s", first.error.path, first.error.message);
        f.loss = first.loss;
        REQUIRE(child_agrees(&f, 1), "child and grandchild");
        REQUIRE(same_loss(&f), "the parent after forks");
        if (!SANITIZED && !survives_forks_in_flight(s, &f))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv,
                         &(contract){.holds = holds, .broken = broken_forks, .seconds = 240});
}
