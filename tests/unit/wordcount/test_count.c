/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "examples/wordcount/count.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Held against a naive count: every word into an array, sorted, equal neighbours counted. */

#define ORACLE_WORDS_MAX 4096
#define WORD_BYTES_MAX 512
#define LINES_BYTES_MAX ((size_t)256 * 1024)

typedef struct text {
    const uint8_t *bytes;
    size_t count;
    bool broken; /* reading fails */
} text;

static ssize_t read_text(void *context, void *ret_bytes, size_t bytes, uint64_t offset)
{
    const text *t = context;
    if (t->broken) {
        return -1;
    }
    if (offset >= t->count) {
        return 0;
    }
    size_t left = t->count - (size_t)offset;
    size_t got = left < bytes ? left : bytes;
    got = got > 7 ? got - got % 7 : got; /* fewer than asked for, as files may */
    memcpy(ret_bytes, t->bytes + offset, got);
    return (ssize_t)got;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "count<TAB>word" lines in byte order of words. */
static void count_naively(const uint8_t *bytes, size_t count, char *ret_lines)
{
    static char words[ORACLE_WORDS_MAX][WORD_BYTES_MAX];
    size_t used = 0;
    size_t length = 0;
    for (size_t i = 0; i <= count; i++) {
        bool letter = i < count && bytes[i] < 128 && isalpha(bytes[i]);
        if (letter) {
            words[used][length++] = (char)tolower(bytes[i]);
        } else if (length > 0) {
            words[used++][length] = '\0';
            length = 0;
        }
    }
    qsort(words, used, sizeof(words[0]), by_text);
    ret_lines[0] = '\0';
    for (size_t i = 0, same; i < used; i += same) {
        for (same = 1; i + same < used && strcmp(words[i], words[i + same]) == 0;) {
            same++;
        }
        ret_lines += sprintf(ret_lines, "%zu\t%s\n", same, words[i]);
    }
}

static int by_word(const void *a, const void *b)
{
    const counts_word *x = *(const counts_word *const *)a;
    const counts_word *y = *(const counts_word *const *)b;
    int order = memcmp(x->text, y->text, x->bytes < y->bytes ? x->bytes : y->bytes);
    return order != 0 ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static void print_counts(const counts *words, char *ret_lines)
{
    const counts_word **sorted;
    ck_assert(counts_sort(words, &sorted));
    qsort(sorted, counts_different(words), sizeof(*sorted), by_word);
    ret_lines[0] = '\0';
    for (size_t i = 0; i < counts_different(words); i++) {
        ret_lines += sprintf(ret_lines, "%llu\t%.*s\n", (unsigned long long)sorted[i]->count,
                             (int)sorted[i]->bytes, sorted[i]->text);
    }
    free(sorted);
}

/* Counts the text in chunks of that size, each on its own and then put together by lines. */
static void count_in_chunks(text *t, size_t chunk_bytes, size_t part_bytes, counts *ret_words)
{
    static uint8_t part[LINES_BYTES_MAX];
    static uint8_t lines[LINES_BYTES_MAX];
    for (size_t at = 0; at < t->count; at += chunk_bytes) {
        size_t length = t->count - at < chunk_bytes ? t->count - at : chunk_bytes;
        counts *words = counts_new();
        ck_assert_int_eq(counts_chunk(words, at, length, read_text, t), COUNTS_OK);
        counts_cursor cursor = {0, 0};
        size_t used = 0;
        size_t got;
        while ((got = counts_read(words, &cursor, part, part_bytes)) > 0) {
            memcpy(lines + used, part, got);
            used += got;
        }
        ck_assert(counts_add_lines(ret_words, lines, used));
        counts_free(&words);
    }
}

static void check_cut(text *t, size_t chunk_bytes, size_t part_bytes)
{
    static char expected[LINES_BYTES_MAX];
    static char counted[LINES_BYTES_MAX];
    counts *words = counts_new();
    count_naively(t->bytes, t->count, expected);
    count_in_chunks(t, chunk_bytes, part_bytes, words);
    print_counts(words, counted);
    ck_assert_str_eq(counted, expected);
    counts_free(&words);
}

static text text_of(const char *characters)
{
    return (text){(const uint8_t *)characters, strlen(characters), false};
}

/* However a text is cut, each of its words is counted once. */
START_TEST(every_cut_counts_every_word_once)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "A",
                                        " ",
                                        "a ",
                                        " a",
                                        "the cat The CAT tHe",
                                        "one-two_three4four\nfive",
                                        "x\xc3\xa9y \xff\xfe"
                                        "abc\x01"
                                        "def",
                                        "word",
                                        "\n\n\nend of it"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        text t = text_of(texts[i]);
        for (size_t chunk_bytes = 1; chunk_bytes <= t.count + 1; chunk_bytes++) {
            check_cut(&t, chunk_bytes, 1 + i);
        }
    }
}
END_TEST

/* The same for random bytes, with every chunk size. */
START_TEST(random_texts_equal_the_naive_count)
{
    uint8_t bytes[400];
    unsigned seed = 20240 + (unsigned)_i;
    (void)printf("seed %u\n", seed);
    srand(seed);
    size_t count = (size_t)(rand() % (int)sizeof(bytes));
    for (size_t i = 0; i < count; i++) {
        bytes[i] = rand() % 4 == 0 ? (uint8_t)rand() : (uint8_t)("aAbB \n"[rand() % 6]);
    }
    text t = {bytes, count, false};
    for (size_t chunk_bytes = 1; chunk_bytes <= count + 1; chunk_bytes++) {
        check_cut(&t, chunk_bytes, 1 + (size_t)(rand() % 30));
    }
}
END_TEST

/* A word that is longer than what is read at once, and begins in the first chunk, belongs to
 * that chunk. */
START_TEST(long_word_belongs_to_the_chunk_where_it_begins)
{
    static uint8_t bytes[300000];
    memset(bytes, 'w', sizeof(bytes));
    text t = {bytes, sizeof(bytes), false};
    counts *first = counts_new();
    counts *second = counts_new();
    ck_assert_int_eq(counts_chunk(first, 0, 10, read_text, &t), COUNTS_OK);
    ck_assert_int_eq(counts_chunk(second, 10, sizeof(bytes) - 10, read_text, &t), COUNTS_OK);
    const counts_word **sorted;
    ck_assert(counts_sort(first, &sorted));
    ck_assert_uint_eq(counts_different(first), 1);
    ck_assert_uint_eq(sorted[0]->bytes, sizeof(bytes));
    ck_assert_uint_eq(counts_different(second), 0);
    free(sorted);
    counts_free(&first);
    counts_free(&second);
}
END_TEST

/* Highest count first; equal ones in byte order, a beginning before what it begins. */
START_TEST(order_is_by_count_and_then_by_bytes)
{
    counts *words = counts_new();
    static const char *const expected[] = {"zz", "a", "ab", "b"};
    ck_assert(counts_add(words, "b", 1, 1) && counts_add(words, "ab", 2, 1));
    ck_assert(counts_add(words, "zz", 2, 2) && counts_add(words, "a", 1, 1));
    const counts_word **sorted;
    ck_assert(counts_sort(words, &sorted));
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(sorted[i]->bytes, strlen(expected[i]));
        ck_assert_mem_eq(sorted[i]->text, expected[i], sorted[i]->bytes);
    }
    ck_assert_uint_eq(counts_total(words), 5);
    free(sorted);
    counts_free(&words);
}
END_TEST

/* More words than the table begins with are all kept. */
START_TEST(table_grows_and_keeps_every_word)
{
    counts *words = counts_new();
    char word[8];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 26 * 26 * 26; i++) {
            word[0] = (char)('a' + i % 26);
            word[1] = (char)('a' + i / 26 % 26);
            word[2] = (char)('a' + i / 676);
            ck_assert(counts_add(words, word, 3, 1));
        }
    }
    ck_assert_uint_eq(counts_different(words), 26 * 26 * 26);
    ck_assert_uint_eq(counts_total(words), 2 * 26 * 26 * 26);
    counts_free(&words);
}
END_TEST

/* What is not lines of counts is refused as a whole. */
START_TEST(malformed_lines_change_nothing)
{
    static const char *const bad[] = {
        "1\ta",    "\ta\n",   "0\ta\n",   "1\t\n", "1 a\n",    "1\tA\n",
        "-1\ta\n", "1\ta\n2", "1\ta\n\n", "x",     "1\ta b\n", "99999999999999999999\ta\n"};
    counts *words = counts_new();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert(!counts_add_lines(words, (const uint8_t *)bad[i], strlen(bad[i])));
        ck_assert_uint_eq(counts_different(words), 0);
    }
    ck_assert(counts_add_lines(words, (const uint8_t *)"", 0));
    ck_assert(counts_add_lines(words, (const uint8_t *)"18446744073709551615\ta\n", 23));
    counts_free(&words);
}
END_TEST

/* A file that cannot be read, or has become shorter, is told apart from one that is counted. */
START_TEST(unreadable_and_shortened_texts_are_noticed)
{
    text t = text_of("some words here");
    counts *words = counts_new();
    ck_assert_int_eq(counts_chunk(words, 0, 16, read_text, &t), COUNTS_SHORTER);
    ck_assert_int_eq(counts_chunk(words, 17, 1, read_text, &t), COUNTS_SHORTER);
    t.broken = true;
    ck_assert_int_eq(counts_chunk(words, 0, 4, read_text, &t), COUNTS_UNREADABLE);
    ck_assert_int_eq(counts_chunk(words, 4, 4, read_text, &t), COUNTS_UNREADABLE);
    counts_free(&words);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wordcount count");
    TCase *tests = tcase_create("count");
    SRunner *runner = srunner_create(suite);

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_cut_counts_every_word_once);
    tcase_add_loop_test(tests, random_texts_equal_the_naive_count, 0, 40);
    tcase_add_test(tests, long_word_belongs_to_the_chunk_where_it_begins);
    tcase_add_test(tests, order_is_by_count_and_then_by_bytes);
    tcase_add_test(tests, table_grows_and_keeps_every_word);
    tcase_add_test(tests, malformed_lines_change_nothing);
    tcase_add_test(tests, unreadable_and_shortened_texts_are_noticed);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
