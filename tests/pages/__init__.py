"""Tests of the pages: component trees and plain functions, no browser."""
