/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */

/* Feeds a fuzz target the files of the directories given, where there is no libFuzzer: the empty
 * input, then each file whole and, up to PREFIX_BYTES_MAX, cut off after every byte. Each input is
 * a block of exactly its size on the heap, so that the address sanitizer sees a read past its end.
 * A file is named before it is tried. Fails if there was no file. */

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (1024 * 1024)
#define PREFIX_BYTES_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay_file(const char *path)
{
    static uint8_t data[FILE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 0;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    feed(data, size);
    for (size_t cut = 1; cut < size && cut <= PREFIX_BYTES_MAX; cut++) {
        feed(data, cut);
    }
    return 1;
}

static int replay_directory(const char *path, int *failures)
{
    int files = 0;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        perror(path);
        ++*failures;
        return 0;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char name[PATH_MAX];
        struct stat status;
        int length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof name || stat(name, &status) != 0) {
            ++*failures;
        } else if (S_ISREG(status.st_mode)) {
            files += replay_file(name);
        }
    }
    closedir(directory);
    return files;
}

int main(int argc, char **argv)
{
    int files = 0;
    int failures = 0;
    feed((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        files += replay_directory(argv[i], &failures);
    }
    printf("%d inputs replayed\n", files);
    return failures > 0 || files == 0;
}
