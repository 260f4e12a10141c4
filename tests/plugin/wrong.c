/* Nearest class mean, but what CENTROID_FIT or CENTROID_PREDICT names gives numbers that are none.
 */
#include <hone/algorithm.h>

hone_status no_state(const hone_fit_job *job, void *state, hone_error *error);
hone_status no_score(const hone_predict_job *job, hone_error *error);

#include "centroid.c"

hone_status no_state(const hone_fit_job *job, void *state, hone_error *error)
{
    const hone_status status = fit(job, state, error);
    if (!status)
        ((centroid_state *)state)->mean[0] = (double)NAN;
    return status;
}

hone_status no_score(const hone_predict_job *job, hone_error *error)
{
    const hone_status status = predict(job, error);
    if (!status)
        job->score[0] = (double)NAN;
    return status;
}
