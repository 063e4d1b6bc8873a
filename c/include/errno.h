/* Numbers only: nothing here sets `errno`. */
#ifndef BURROW_ERRNO_H
#define BURROW_ERRNO_H
#define ENOENT 2
#define EIO 5
#define ENOMEM 12
#define EINVAL 22
#define ERANGE 34
#endif
