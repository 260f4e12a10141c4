/* What the files of the random forest share: hyperparameters, state, codes, grown trees. */
#ifndef HONE_RANDOM_FOREST_FOREST_H
#define HONE_RANDOM_FOREST_FOREST_H

#include <stdint.h>
#include <string.h>

#include "hone/algorithm.h"
#include "hone/derived.h"
#include "toolbox/random.h"
#include "toolbox/rows.h"

/* ---- hyperparameters ---- */

enum { GINI, ENTROPY, LOG_LOSS };
enum { SQUARED_ERROR, ABSOLUTE_ERROR, POISSON };
enum { FEATURES_AUTO, FEATURES_SQRT, FEATURES_LOG2, FEATURES_ALL };
enum { WEIGHTS_NONE, WEIGHTS_BALANCED, WEIGHTS_BALANCED_SUBSAMPLE };
enum { SPLIT_BEST, SPLIT_RANDOM };
enum { CONSTANT_REDRAW, CONSTANT_STOP };

typedef struct forest_params {
    int64_t n_estimators, n_iter_no_change;
    int criterion, class_weight, splitter, constant_features;
    hone_amount max_features, max_depth, max_leaf_nodes, min_samples_split, min_samples_leaf;
    hone_amount max_samples, max_bins, max_model_bytes;
    double max_features_exponent, min_weight_fraction_leaf, min_impurity_decrease, ccp_alpha, tol;
    bool bootstrap, early_stopping;
} forest_params;

/* ---- what is remembered ---- */

enum { MISSING_LEFT = 1, BY_CATEGORY = 2 };

typedef struct walk_node walk_node;
typedef struct slim_node slim_node;

/* How far trees that trials share are grown: as far as each of the trials asks. 0: to the end. */
typedef struct reach {
    int64_t depth, min_split;
} reach;

typedef struct forest_state {
    int64_t n_trees, n_nodes, n_rows, n_entries, n_sets, n_words, n_payloads;
    int64_t *tree_start;  /* n_trees + 1 */
    int32_t *child;       /* n_nodes; 0: leaf; else the left one, counted from the tree's first */
    int32_t *feature;     /* n_nodes */
    double *threshold;    /* n_nodes; of a leaf when regressing: the answer */
    uint8_t *side;        /* n_nodes; MISSING_LEFT, BY_CATEGORY */
    int32_t *payload;     /* n_nodes; leaf: row of shares; BY_CATEGORY: n_rows + set; else -1 */
    int64_t *row_start;   /* n_rows + 1: entries of a row of shares */
    int32_t *entry_class; /* n_entries */
    double *entry_share;  /* n_entries */
    int64_t *set_start;   /* n_sets + 1: words of a set */
    uint32_t *words;      /* n_words; bit k: level k goes left */
    double *feature_importances; /* features */
    walk_node *walk;             /* derived; NULL: slim */
    slim_node *slim;             /* derived */
    int32_t feature_bits;        /* of a slim node */
    bool shares;                 /* cut from trees that are shared; false after load */
    reach reach;                 /* of those */
} forest_state;

/* ---- codes: the order of values as integers ---- */

enum { CODE_MISSING = 65535, CODES = 65535, BINS = 255 };

/* One feature as the training rows see it. Code c stands for the values [low[c], high[c]], which
 * are one value unless there are more than CODES of them. */
typedef struct feature_codes {
    int32_t levels;           /* categorical: codes are levels; 0: numeric */
    int32_t codes;            /* distinct, missing not counted */
    int32_t bins;             /* coarse codes, missing not counted; bins == codes: the same codes */
    bool missing;             /* a training row misses it */
    const double *low, *high; /* codes; numeric only */
    const uint8_t *bin_of;    /* codes; NULL when bins == codes */
    int32_t fine;             /* column of the fine plane; -1: coarse codes are exact */
} feature_codes;

/* The training rows as codes. Row i of the fit: coarse[i * coarse_stride + j], with code `bins` for
 * missing; fine[i * fine_stride + feature[j].fine], with CODE_MISSING for missing. */
typedef struct panel {
    int64_t rows, features;
    feature_codes *feature;
    const uint8_t *coarse;
    const uint16_t *fine;
    int64_t coarse_stride, fine_stride;
    bool wide; /* some feature has coarse codes that are not exact */
    /* numeric features of at most two codes, none missing: bit j of a row's words is its code */
    int64_t words;
    const uint64_t *bits, *binary; /* rows x words; words: which they are */
} panel;

/* The panel of the job's rows, shared by trials. */
hone_status forest_panel(hone_shared *shared, int64_t max_bins, const panel **panel,
                         hone_error *error);

#endif
