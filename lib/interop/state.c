/* Members by name, over the tables that modules and steps publish. */
#include "interop/state.h"

#include <string.h>

#include "core/state.h"
#include "data/vector.h"

hone_member hone_member_of(const hone_field *fields, const hone_shape *shape, const void *state,
                           const char *name)
{
    for (const hone_field *f = fields; f->name; f++)
        if (!strcmp(f->name, name))
            return (hone_member){hone_field_values(f, state), f->dtype,
                                 hone_field_rows(f, shape, state),
                                 hone_field_cols(f, shape, state)};
    return (hone_member){0};
}

hone_member hone_model_member(const hone_model *m, const char *name)
{
    const hone_fitted *f = m->fitted;
    return hone_member_of(f->algorithm->state, &f->shape, f->state, name);
}

double hone_member_at(const hone_member *m, int64_t k)
{
    switch (m->dtype) {
    case HONE_F32:
        return ((const float *)m->values)[k];
    case HONE_F64:
        return ((const double *)m->values)[k];
    case HONE_U8:
        return ((const uint8_t *)m->values)[k];
    case HONE_U16:
        return ((const uint16_t *)m->values)[k];
    case HONE_U32:
        return ((const uint32_t *)m->values)[k];
    case HONE_I32:
        return ((const int32_t *)m->values)[k];
    default:
        return (double)((const int64_t *)m->values)[k];
    }
}

double hone_model_number(const hone_model *m, const char *name)
{
    const hone_member member = hone_model_member(m, name);
    return member.values ? hone_member_at(&member, 0) : NAN;
}

static const hone_param *row_of(const hone_model *m, const char *name)
{
    for (const hone_param *p = m->fitted->algorithm->params; p->name; p++)
        if (!strcmp(p->name, name) && (!p->tasks || (p->tasks & m->task)))
            return p;
    return NULL;
}

const char *hone_model_choice(const hone_model *m, const char *name)
{
    const hone_param *p = row_of(m, name);
    if (!p || p->kind != HONE_CHOICE)
        return NULL;
    return p->choices[*(const int *)((const char *)m->fitted->params + p->offset)];
}

double hone_model_param(const hone_model *m, const char *name)
{
    const hone_param *p = row_of(m, name);
    if (!p)
        return NAN;
    const void *at = (const char *)m->fitted->params + p->offset;
    switch (p->kind) {
    case HONE_INT:
        return (double)*(const int64_t *)at;
    case HONE_REAL:
        return *(const double *)at;
    case HONE_BOOL:
        return *(const bool *)at;
    case HONE_AMOUNT:
        return ((const hone_amount *)at)->number;
    default:
        return *(const int *)at;
    }
}

const void *hone_model_step(const hone_model *m, const hone_transform *transform,
                            const hone_shape **in)
{
    const hone_pipeline *p = &m->pipeline;
    for (int k = 0; k < p->steps; k++)
        if (p->transform[k] == transform) {
            *in = &p->shape[k];
            return p->state[k];
        }
    return NULL;
}

static const hone_field *field_of(const hone_fitted *f, const char *name)
{
    const hone_field *field = f->algorithm->state;
    while (strcmp(field->name, name) != 0)
        field++;
    return field;
}

void hone_fitted_set(hone_fitted *f, const char *name, double value)
{
    const hone_field *field = field_of(f, name);
    void *at = (char *)f->state + field->offset;
    if (field->dtype == HONE_I64)
        *(int64_t *)at = (int64_t)value;
    else
        *(double *)at = value;
}

void *hone_fitted_array(hone_fitted *f, const char *name)
{
    const hone_field *field = field_of(f, name);
    void *array = hone_arena_alloc(f->keep, hone_field_rows(field, &f->shape, f->state),
                                   hone_field_cols(field, &f->shape, f->state),
                                   hone_dtype_size(field->dtype));
    memcpy((char *)f->state + field->offset, &array, sizeof array);
    return array;
}
