@echo off
rem Untested. Clearcut's command line, from any folder: clearcut cut photo.jpg. The first use prepares everything.
setlocal
call "%~dp0prepare.bat" 1>&2 || exit /b
set PYTHONPATH=
set PYTHONHOME=
rem See the file clearcut: relative paths are the caller's, modules are not.
"%~dp0.venv\Scripts\python.exe" -P -c "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('pipeline', None, '__main__', True)" "%~dp0." %*
