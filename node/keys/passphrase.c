/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "dist/identity/files.h"
#include "node/keys/options.h"

/* The passphrase that seals the authority's key: from a file for scripts, else from the terminal,
 * never from the command line, where everybody on the machine could read it. */

#define LENGTH_MIN 8

static void cut_line(char *text)
{
    text[strcspn(text, "\r\n")] = '\0';
}

static bool from_file(const char *path, char *ret_passphrase, char *text, size_t bytes)
{
    char data[OSRI_PASSPHRASE_BYTES];
    bool good = osri_file_read(path, 077, data, sizeof(data), text, bytes) == OSR_OK;

    if (good) {
        cut_line(data);
        memcpy(ret_passphrase, data, strlen(data) + 1);
    }
    sodium_memzero(data, sizeof(data));
    return good;
}

/* One line from the terminal, which does not show it meanwhile. */
static bool ask(FILE *terminal, const char *prompt, char ret_line[OSRI_PASSPHRASE_BYTES])
{
    struct termios before, silent;
    int descriptor = fileno(terminal);

    if (tcgetattr(descriptor, &before) != 0) {
        return false;
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)fputs(prompt, terminal);
    (void)fflush(terminal);
    (void)tcsetattr(descriptor, TCSAFLUSH, &silent);
    bool good = fgets(ret_line, OSRI_PASSPHRASE_BYTES, terminal) != NULL;
    (void)tcsetattr(descriptor, TCSAFLUSH, &before);
    (void)fputs("\n", terminal);
    if (good) {
        cut_line(ret_line);
    }
    return good;
}

static bool from_terminal(bool is_new, char *ret_passphrase, char *text, size_t bytes)
{
    char again[OSRI_PASSPHRASE_BYTES];
    FILE *terminal = fopen("/dev/tty", "r+");

    if (terminal == NULL) {
        (void)snprintf(text, bytes,
                       "there is no terminal to ask for the passphrase; give --passphrase-file "
                       "FILE (mode 600)");
        return false;
    }
    (void)setvbuf(terminal, NULL, _IONBF, 0);
    bool good = ask(terminal, "Passphrase of the authority's key: ", ret_passphrase);
    if (!good) {
        (void)snprintf(text, bytes, "no passphrase was typed");
    } else if (is_new) {
        good = ask(terminal, "The same once more: ", again) && strcmp(again, ret_passphrase) == 0;
        sodium_memzero(again, sizeof(again));
        if (!good) {
            (void)snprintf(text, bytes, "the two are not the same; nothing was made");
        }
    }
    (void)fclose(terminal);
    return good;
}

bool osri_keys_passphrase(const osri_keys_options *options, bool is_new,
                          char ret_passphrase[OSRI_PASSPHRASE_BYTES], char *ret_text,
                          size_t text_bytes)
{
    bool good = options->passphrase_file != NULL
                    ? from_file(options->passphrase_file, ret_passphrase, ret_text, text_bytes)
                    : from_terminal(is_new, ret_passphrase, ret_text, text_bytes);

    if (good && is_new && strlen(ret_passphrase) < LENGTH_MIN) {
        (void)snprintf(ret_text, text_bytes, "the passphrase is shorter than %d characters",
                       LENGTH_MIN);
        good = false;
    }
    if (!good) {
        sodium_memzero(ret_passphrase, OSRI_PASSPHRASE_BYTES);
    }
    return good;
}
