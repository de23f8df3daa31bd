@echo off
rem Untested. Serve Clearcut at http://localhost:7860; the first start prepares everything.
setlocal
call "%~dp0prepare.bat" || exit /b
cd /d "%~dp0"
.venv\Scripts\python.exe webui.py %*
