"""What every other package uses: errors, words, settings, jobs, the machine, parallel work, the cache folder."""
