@echo off
rem Untested. Called by clearcut.bat and webui.bat: a virtual environment in .venv beside this file, with requirements.txt.
setlocal
cd /d "%~dp0"
if not exist .venv\Scripts\python.exe (
    py -3 -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>nul
    if errorlevel 1 (
        echo Clearcut needs Python 3.11 or newer: install it from https://www.python.org/downloads/
        exit /b 2
    )
    py -3 -m venv .venv || exit /b 2
)
fc /b requirements.txt .venv\requirements.txt.installed >nul 2>&1
if errorlevel 1 (
    echo Installing what Clearcut needs ...
    .venv\Scripts\python.exe -m pip install --quiet --disable-pip-version-check -r requirements.txt || exit /b 3
    copy /y requirements.txt .venv\requirements.txt.installed >nul
)
